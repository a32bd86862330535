package rig

import "context"

// Servers are a broker and a database.
type Servers struct {
	Broker   *RabbitMQ
	Database *Postgres
}

// NewServers starts both; Close ends them.
func NewServers(ctx context.Context) (*Servers, error) {
	broker, err := NewRabbitMQ(ctx)
	if err != nil {
		return nil, err
	}
	database, err := NewPostgres(ctx)
	if err != nil {
		broker.Close()
		return nil, err
	}
	return &Servers{broker, database}, nil
}

// Close ends both and deletes what they have.
func (s *Servers) Close() {
	s.Broker.Close()
	s.Database.Close()
}

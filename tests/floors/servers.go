package floors

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lib/pq" // the driver too
	"github.com/rabbitmq/amqp091-go"
)

// CommitsTo is Commits to PostgreSQL: each transaction is one statement with its rows as arrays.
func CommitsTo(ctx context.Context, url string, s Shape, batch int, d time.Duration) (float64, error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	defer func() { _ = db.Close() }() // its database goes
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `CREATE TABLE floor (id BIGINT PRIMARY KEY, account BIGINT, doc TEXT)`); err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	insert, err := db.PrepareContext(ctx, `INSERT INTO floor (id, account, doc) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[])`)
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	defer func() { _ = insert.Close() }() // with its database
	return s.repeat(batch, d, func(first, n int) error {
		ids, accounts, docs := make([]int64, n), make([]int64, n), make([]string, n)
		for i := range n {
			ids[i], accounts[i], docs[i] = int64(first+i), int64(i), document(s.Bytes)
		}
		_, err := insert.ExecContext(ctx, pq.Array(ids), pq.Array(accounts), pq.Array(docs))
		return err
	})
}

func document(bytes int) string {
	doc := make([]byte, bytes)
	for i := range doc {
		doc[i] = 'a' + byte(i%26)
	}
	return string(doc)
}

// messageBytes is about what a command or a step has.
const messageBytes = 600

// Messages measures how many messages a bare loop brings through one quorum queue in a second: persistent, confirmed, delivered
// and acknowledged, with at most window on their way.
func Messages(ctx context.Context, url string, window int, d time.Duration) (rate float64, err error) {
	conn, err := amqp091.Dial(url)
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	defer func() { _ = conn.Close() }() // measured already
	ch, err := conn.Channel()
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	const queue = "floor"
	if _, err := ch.QueueDeclare(queue, true, false, false, false, amqp091.Table{"x-queue-type": "quorum"}); err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	if err := ch.Confirm(false); err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	confirms := ch.NotifyPublish(make(chan amqp091.Confirmation, window))
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	body := []byte(document(messageBytes))
	began, sent, confirmed, done := time.Now(), 0, 0, 0
	for time.Since(began) < d {
		for sent-min(confirmed, done) < window {
			if err := ch.PublishWithContext(ctx, "", queue, true, false, amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: body}); err != nil {
				return 0, fmt.Errorf("floor: %w", err)
			}
			sent++
		}
		select {
		case <-confirms:
			confirmed++
		case m, ok := <-deliveries:
			if !ok {
				return 0, fmt.Errorf("floor: %w", amqp091.ErrClosed)
			}
			if done++; done%16 == 0 {
				err = m.Ack(true)
			}
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return 0, fmt.Errorf("floor: %w", err)
		}
	}
	return float64(done) / time.Since(began).Seconds(), nil
}

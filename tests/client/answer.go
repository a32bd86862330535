package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// Fault is the one fault in an answer's body.
type Fault struct {
	Name       string `json:"-"`
	Code       int    `json:"code"`
	Message    string `json:"message"`
	Details    string `json:"details"`
	RetryAfter string `json:"retryAfter"`
}

// Fault decodes the body as a fault; it is nil when the body is none.
func (r *Reply) Fault() *Fault {
	var doc map[string]Fault
	if err := json.Unmarshal(r.Body, &doc); err != nil || len(doc) != 1 {
		return nil
	}
	for name, f := range doc {
		f.Name = name
		if f.Code != 0 {
			return &f
		}
	}
	return nil
}

// OK tells whether the status is 2xx.
func (r *Reply) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Operation is the operation that the answer names.
func (r *Reply) Operation() string { return r.Header.Get("X-Ozone-Operation") }

// Error is nil for 2xx, else says what came.
func (r *Reply) Error() error {
	if r.OK() {
		return nil
	}
	return fmt.Errorf("answer %d %s", r.Status, r.Body)
}

// Decode reads the member of the body.
func (r *Reply) Decode(member string, v any) error {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &doc); err != nil {
		return fmt.Errorf("decode %q: %w", r.Body, err)
	}
	raw, ok := doc[member]
	if !ok {
		return fmt.Errorf("decode %q: no %s", r.Body, member)
	}
	return json.Unmarshal(raw, v)
}

// Server is a server as the API shows it.
type Server struct {
	ID        int64             `json:"id"`
	Name      string            `json:"name"`
	ImageID   int64             `json:"imageId"`
	FlavorID  int64             `json:"flavorId"`
	HostID    string            `json:"hostId"`
	Status    string            `json:"status"`
	Progress  int               `json:"progress"`
	AdminPass string            `json:"adminPass"`
	Metadata  map[string]string `json:"metadata"`
	Addresses struct {
		Public  []string `json:"public"`
		Private []string `json:"private"`
	} `json:"addresses"`
}

// Image is an image as the API shows it.
type Image struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	ServerID int64  `json:"serverId"`
	Status   string `json:"status"`
	Progress *int   `json:"progress"`
	Created  string `json:"created"`
	Updated  string `json:"updated"`
}

// Operation is the record of one accepted command.
type Operation struct {
	ID     string `json:"id"`
	Action string `json:"action"`
	State  string `json:"state"`
	Step   string `json:"step"`
	Target *struct {
		Kind string `json:"kind"`
		ID   int64  `json:"id"`
	} `json:"target"`
	Attempt int       `json:"attempt"`
	Percent int       `json:"percent"`
	Reason  string    `json:"reason"` // of one that no command began
	Created time.Time `json:"created"`
	Ended   *string   `json:"ended"`
	Error   *struct {
		Fault     string `json:"fault"`
		Message   string `json:"message"`
		Details   string `json:"details"`
		Retryable bool   `json:"retryable"`
	} `json:"error"`
}

// Terminal tells whether the operation has ended.
func (o *Operation) Terminal() bool {
	switch o.State {
	case "succeeded", "failed", "cancelled", "rejected", "expired":
		return true
	default:
		return false
	}
}

// Accepted tells whether its command was accepted.
func (o *Operation) Accepted() bool {
	switch o.State {
	case "running", "succeeded", "failed", "cancelled":
		return true
	default:
		return false
	}
}

package ozone

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// fencePatience bounds the wait for a host's actor: it decides at once and commits.
const fencePatience = 10 * time.Second

// fence tells a host's actor that the host is off for good, and waits until that is committed.
func fence(ctx context.Context, store storage.Operator, b bus.Bus, host schemas.HostID) error {
	cluster, err := clusterOf(ctx, store, host)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fencePatience)
	defer cancel()
	body, err := json.Marshal(schemas.Fence{V: schemas.MessageV, Host: host, Cluster: cluster})
	if err != nil {
		return fmt.Errorf("encode fence: %w", err)
	}
	answer, err := ask(ctx, b, bus.ShardQueue(schemas.ShardOfCluster(cluster)), schemas.TypeFence, body)
	if err != nil {
		return fmt.Errorf("fence host %d: %w", host, err)
	}
	if answer.Fault != nil {
		return answer.Fault
	}
	return nil
}

func clusterOf(ctx context.Context, store storage.Operator, host schemas.HostID) (schemas.ClusterID, error) {
	known, err := store.Hosts(ctx)
	if err != nil {
		return 0, fmt.Errorf("list hosts: %w", err)
	}
	for _, h := range known {
		if h.ID == host {
			return h.Cluster, nil
		}
	}
	return 0, schemas.Errorf(schemas.KindNotFound, "no host %d", host)
}

// ask sends one message with a reply queue of its own and waits for the answer.
func ask(ctx context.Context, b bus.Bus, to bus.Address, t schemas.MessageType, body []byte) (schemas.Answer, error) {
	var answer schemas.Answer
	id := uuid.NewString()
	replies := bus.ReplyQueue("admin-" + id)
	if err := b.Declare(ctx, replies); err != nil {
		return answer, err
	}
	c, err := b.Consume(ctx, replies, 1)
	if err != nil {
		return answer, err
	}
	defer c.Close()
	if err := bus.Send(ctx, b, to, bus.Message{ID: id, Type: t, ReplyTo: replies, Body: body}); err != nil {
		return answer, err
	}
	select {
	case d, open := <-c.Deliveries():
		if !open {
			return answer, bus.ErrClosed
		}
		return answer, json.Unmarshal(d.Body, &answer)
	case <-ctx.Done():
		return answer, fmt.Errorf("no answer: %w", ctx.Err())
	}
}

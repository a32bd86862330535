package rig_test

import (
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/rig"
)

func TestRabbitMQComesBackWithItsData(t *testing.T) {
	t.Parallel()
	r := rig.StartRabbitMQ(t)
	if err := amqpQueue(r.Vhost(t, "own"), false); err != nil {
		t.Fatalf("declare = %v, want nil", err)
	}
	for name, end := range map[string]func(){"Kill9": r.Kill9, "Stop": r.Stop} {
		end()
		if err := r.Start(t.Context()); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		if err := amqpQueue(r.URLOf("own"), true); err != nil {
			t.Errorf("after %s: %v, want the queue that was there", name, err)
		}
	}
}

func amqpQueue(url string, passive bool) error {
	c, err := amqp091.Dial(url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	declare := ch.QueueDeclare
	if passive {
		declare = ch.QueueDeclarePassive
	}
	_, err = declare("q", true, false, false, false, amqp091.Table{"x-queue-type": "quorum"})
	return err
}

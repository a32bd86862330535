// Command go drives a server from its create to its delete over the bus, and follows its events. It knows AMQP and JSON, and nothing
// of Ozone's packages.
//
//	BUS_URL=amqp://shop:PASSWORD@HOST:5672/tenants go run ./docs/examples/go ORDER
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// patience is how long an answer or an event may take.
const patience = 2 * time.Minute

func main() {
	if len(os.Args) != 2 || os.Getenv("BUS_URL") == "" {
		fmt.Fprintln(os.Stderr, "want BUS_URL, and the name of an order: commands of the same name are done once")
		os.Exit(2)
	}
	if err := run(os.Getenv("BUS_URL"), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// program is a producer and a subscriber on one connection.
type program struct {
	user, order     string
	channel         *amqp091.Channel
	answers, events <-chan amqp091.Delivery
	last            map[string]int // the highest sequence of each source
}

func run(address, order string) error {
	where, err := url.Parse(address)
	if err != nil {
		return err
	}
	connection, err := amqp091.Dial(address)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	p := &program{user: where.User.Username(), order: order, last: map[string]int{}}
	if p.channel, err = connection.Channel(); err != nil {
		return err
	}
	if err := p.channel.Confirm(false); err != nil {
		return err
	}
	if p.answers, err = p.channel.Consume("replies."+p.user, "", false, false, false, false, nil); err != nil {
		return err
	}
	if p.events, err = p.channel.Consume("events."+p.user, "", false, false, false, false, nil); err != nil {
		return err
	}
	server, err := p.do("server.create", 0, map[string]any{"name": order, "imageId": 1, "flavorId": 1})
	if err != nil {
		return err
	}
	for _, c := range []struct {
		kind   string
		params map[string]any
	}{{"server.resize", map[string]any{"flavorId": 2}}, {"server.resize_confirm", nil}, {"server.delete", nil}} {
		if _, err := p.do(c.kind, server, c.params); err != nil {
			return err
		}
	}
	return nil
}

// do sends a command, waits for its answer and follows its operation to the end. target is 0 for what creates something.
func (p *program) do(kind string, target int64, params map[string]any) (made int64, err error) {
	body := map[string]any{"params": params}
	if target != 0 {
		body["target"] = target
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	id := p.order + "/" + kind // always the same for the same thing: sent again, it is not done again
	if err := p.publish(kind, id, text); err != nil {
		return 0, err
	}
	var answer struct {
		Operation string
		Target    struct{ ID int64 }
	}
	for {
		d, err := next(p.answers)
		if err != nil {
			return 0, err
		}
		_ = d.Ack(false)
		if d.CorrelationId != id {
			continue // of another command, or of an earlier run
		}
		if d.Type != "command.accepted" {
			return 0, fmt.Errorf("%s: %s", kind, d.Body)
		}
		if err := json.Unmarshal(d.Body, &answer); err != nil {
			return 0, err
		}
		return answer.Target.ID, p.follow(answer.Operation)
	}
}

// publish returns when the broker has the command on its disk.
func (p *program) publish(kind, id string, body []byte) error {
	for range 10 {
		sent, err := p.channel.PublishWithDeferredConfirm("ingress."+p.user, "", true, false, amqp091.Publishing{
			UserId: p.user, MessageId: id, Type: kind, ContentType: "application/json", DeliveryMode: amqp091.Persistent, Body: body,
		})
		if err != nil {
			return err
		}
		if sent.Wait() {
			return nil
		}
		time.Sleep(time.Second) // the queue is full
	}
	return errors.New("the queue stays full")
}

// follow reads events until one ends the operation.
func (p *program) follow(operation string) error {
	for {
		d, err := next(p.events)
		if err != nil {
			return err
		}
		_ = d.Ack(false)
		var event struct {
			Type, PartitionKey, Sequence, CorrelationID string
			Data                                        struct {
				Server *struct{ Status string }
				Error  *struct{ Message string }
			}
		}
		if err := json.Unmarshal(d.Body, &event); err != nil {
			return err
		}
		number, err := strconv.Atoi(event.Sequence)
		if err != nil {
			return err
		}
		if number <= p.last[event.PartitionKey] {
			continue // it has come before
		}
		p.last[event.PartitionKey] = number
		if event.CorrelationID != operation {
			continue
		}
		switch event.Type[strings.LastIndexByte(event.Type, '.')+1:] {
		case "end":
			status := "gone"
			if event.Data.Server != nil {
				status = event.Data.Server.Status
			}
			fmt.Println(event.Type, status)
			return nil
		case "error", "cancelled":
			return fmt.Errorf("%s: %s", event.Type, event.Data.Error.Message)
		}
	}
}

func next(from <-chan amqp091.Delivery) (amqp091.Delivery, error) {
	select {
	case d, open := <-from:
		if !open {
			return d, errors.New("the connection has ended")
		}
		return d, nil
	case <-time.After(patience):
		return amqp091.Delivery{}, errors.New("nothing came for too long")
	}
}

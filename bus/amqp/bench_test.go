package amqp_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
)

// BenchmarkShards publishes, confirms, consumes and acknowledges on several shard queues at once.
func BenchmarkShards(b *testing.B) {
	box, err := amqp.Open(b.Context(), amqp.Config{URL: shared.URL(), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = box.Close() }()
	for _, shards := range []int{1, 8} {
		b.Run(fmt.Sprint(shards), func(b *testing.B) {
			var left, batches atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			for i := range shards {
				a := bus.ShardQueue(schemas.Shard(i))
				if err := box.Declare(b.Context(), a); err != nil {
					b.Fatal(err)
				}
				c, err := box.Consume(b.Context(), a, 256)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				go func() { // ends with the consumer
					for d := range c.Deliveries() {
						if len(c.Deliveries()) == 0 || d.Tag%64 == 0 {
							c.Ack(d.Tag)
							batches.Add(1)
						}
						if left.Add(-1) == 0 {
							close(done)
						}
					}
				}()
			}
			body := make([]byte, 500)
			b.ResetTimer()
			for i := range b.N {
				m := bus.Message{ID: fmt.Sprint(i), Type: schemas.TypeCommand, Expires: time.Now().Add(time.Minute), Body: body}
				err := box.Publish(b.Context(), bus.ShardQueue(schemas.Shard(i%shards)), m, func(err error) {
					if err != nil {
						b.Error(err)
					}
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			<-done
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			b.ReportMetric(float64(b.N)/float64(batches.Load()), "msg/ack")
		})
	}
}

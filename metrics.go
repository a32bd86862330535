package ozone

import (
	"errors"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/ozonecloud/ozone/actors"
)

// metric is one number of an engine.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(actors.Stats) float64
}

// engineMetrics is the table of what /metrics says of the engine.
func engineMetrics() []metric {
	number := func(kind prometheus.ValueType, name, help string, of func(actors.Stats) float64) metric {
		return metric{prometheus.NewDesc(name, help, nil, nil), kind, of}
	}
	return []metric{
		number(prometheus.GaugeValue, "ozone_operations_stuck", "Timers that are due for more than 10 s. Must be 0.",
			func(s actors.Stats) float64 { return float64(s.Overdue) }),
		number(prometheus.GaugeValue, "ozone_operations_open", "Operations under way.",
			func(s actors.Stats) float64 { return float64(s.Open) }),
		number(prometheus.CounterValue, "ozone_commands_total", "Commands taken from the bus.",
			func(s actors.Stats) float64 { return float64(s.Commands) }),
		number(prometheus.CounterValue, "ozone_operations_accepted_total", "Operations that were accepted.",
			func(s actors.Stats) float64 { return float64(s.Accepted) }),
		number(prometheus.CounterValue, "ozone_operations_refused_total", "Operations that were refused at admission.",
			func(s actors.Stats) float64 { return float64(s.Refused) }),
		number(prometheus.CounterValue, "ozone_operations_ended_total", "Accepted operations that have ended.",
			func(s actors.Stats) float64 { return float64(s.Ended) }),
		number(prometheus.CounterValue, "ozone_commits_total", "Transactions of the committer.",
			func(s actors.Stats) float64 { return float64(s.Commits) }),
		number(prometheus.CounterValue, "ozone_commit_units_total", "Turns in those transactions; over commits: the batch size.",
			func(s actors.Stats) float64 { return float64(s.Units) }),
		number(prometheus.CounterValue, "ozone_commit_seconds_total", "Time inside those transactions.",
			func(s actors.Stats) float64 { return float64(s.CommitNanos) / 1e9 }),
		number(prometheus.GaugeValue, "ozone_actors_loaded", "Actors in memory.",
			func(s actors.Stats) float64 { return float64(s.Loaded) }),
		number(prometheus.GaugeValue, "ozone_outbox_open", "Requests between shards without an answer.",
			func(s actors.Stats) float64 { return float64(s.Outbox) }),
		number(prometheus.CounterValue, "ozone_decision_panics_total", "Decisions that failed by a defect. Must be 0.",
			func(s actors.Stats) float64 { return float64(s.Panics) }),
		number(prometheus.CounterValue, "ozone_suspects_total", "Tries of messages that may have ended a process. Must be 0.",
			func(s actors.Stats) float64 { return float64(s.Suspects) }),
	}
}

// depths is what a bus has that knows what lies in its queues.
type depths interface {
	Depth() (waiting, unacked int)
}

// collector reads the engine's and the bus's numbers at each scrape.
type collector struct {
	node    *Node
	metrics []metric
	dead    *prometheus.Desc
	waiting *prometheus.Desc
	unacked *prometheus.Desc
}

// Describe sends the descriptions.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
	out <- c.dead
	out <- c.waiting
	out <- c.unacked
}

// Collect sends the numbers.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	dead := c.node.dead.Load()
	if c.node.engine != nil {
		stats := c.node.engine.Stats()
		dead += stats.Dead
		for _, m := range c.metrics {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.of(stats))
		}
	}
	out <- prometheus.MustNewConstMetric(c.dead, prometheus.CounterValue, float64(dead))
	own, ok := c.node.bus.(depths)
	if !ok {
		return // the broker's own metrics say it
	}
	waiting, unacked := own.Depth()
	out <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(waiting))
	out <- prometheus.MustNewConstMetric(c.unacked, prometheus.GaugeValue, float64(unacked))
}

// metrics is the writer of /metrics.
func (n *Node) metrics() func(io.Writer) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{
			node: n, metrics: engineMetrics(),
			dead:    prometheus.NewDesc("ozone_dead_letters_total", "Messages that nobody could deal with. Must be 0.", nil, nil),
			waiting: prometheus.NewDesc("ozone_bus_waiting", "Messages in queues, not delivered yet.", nil, nil),
			unacked: prometheus.NewDesc("ozone_bus_unacked", "Messages delivered and not acknowledged yet.", nil, nil),
		},
	)
	return func(w io.Writer) error {
		families, err := registry.Gather()
		if err != nil {
			return err
		}
		out := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
		var errs []error
		for _, f := range families {
			errs = append(errs, out.Encode(f))
		}
		return errors.Join(errs...)
	}
}

// Command servers is ozone bench on a private RabbitMQ and a private PostgreSQL that it starts itself. It is a program of its own
// so that the released one does not have the tests' servers in it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ozonecloud/ozone/tests/bench"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	binary := flag.String("binary", ".bin/ozone", "the `program` whose nodes are measured")
	rounds := flag.Int("rounds", 3, "rounds of each row; its median counts")
	only := flag.String("only", "", "measure these `rows` only: "+strings.Join(bench.Names(), ","))
	floors := flag.Bool("floors", false, "measure the floors too")
	apart := flag.Bool("apart", false, "run the edge in a process of its own")
	flag.Parse()
	both, err := rig.NewServers(ctx)
	if err != nil {
		return err
	}
	defer both.Close()
	s := &servers{Servers: both}
	cfg := bench.Config{Binary: *binary, Rounds: *rounds, Floors: *floors, Servers: s, Apart: *apart, Log: os.Stderr}
	if *only != "" {
		cfg.Only = strings.Split(*only, ",")
	}
	return bench.Run(ctx, cfg, os.Stdout)
}

// servers are the broker and the database of a run.
type servers struct {
	*rig.Servers

	vhosts int
}

// Fresh is a virtual host that nobody knows and a database like another one, or empty. The virtual host before it goes.
func (s *servers) Fresh(ctx context.Context, like string) (bus, store string, err error) {
	if s.vhosts > 0 {
		if err := s.Broker.DropVhost(ctx, vhost(s.vhosts)); err != nil {
			return "", "", err
		}
		_ = s.Broker.DropVhost(ctx, vhost(s.vhosts)+"-tenants") // it is there when there were programs
	}
	s.vhosts++
	if bus, err = s.Broker.NewVhost(ctx, vhost(s.vhosts)); err != nil {
		return "", "", err
	}
	if like == "" {
		store, err = s.Database.EmptyDatabase(ctx)
	} else {
		store, err = s.Database.CopyDatabase(ctx, like)
	}
	return bus, store, err
}

// AdminURL is where the broker's management API is.
func (s *servers) AdminURL() string { return s.Broker.AdminURL() }

func vhost(n int) string { return fmt.Sprint("bench", n) }

// CPU is the processor time of both.
func (s *servers) CPU() (map[string]time.Duration, error) {
	used := map[string]time.Duration{}
	for name, pids := range map[string][]int{"RabbitMQ": s.Broker.PIDs(), "PostgreSQL": s.Database.PIDs()} {
		for _, pid := range pids {
			cpu, err := node.CPU(pid)
			if err != nil {
				return nil, err
			}
			used[name] += cpu
		}
	}
	return used, nil
}

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
	flag.Parse()
	s := new(servers)
	defer s.close()
	if err := s.start(ctx); err != nil {
		return err
	}
	cfg := bench.Config{Binary: *binary, Rounds: *rounds, Floors: *floors, Servers: s, Log: os.Stderr}
	if *only != "" {
		cfg.Only = strings.Split(*only, ",")
	}
	return bench.Run(ctx, cfg, os.Stdout)
}

// servers are the broker and the database of a run.
type servers struct {
	broker   *rig.RabbitMQ
	database *rig.Postgres
	vhosts   int
}

func (s *servers) start(ctx context.Context) (err error) {
	if s.database, err = rig.NewPostgres(ctx); err != nil {
		return err
	}
	s.broker, err = rig.NewRabbitMQ(ctx)
	return err
}

func (s *servers) close() {
	if s.broker != nil {
		s.broker.Close()
	}
	if s.database != nil {
		s.database.Close()
	}
}

// Fresh is a virtual host that nobody knows and a database like another one, or empty. The virtual host before it goes.
func (s *servers) Fresh(ctx context.Context, like string) (bus, store string, err error) {
	if s.vhosts > 0 {
		if err := s.broker.DropVhost(ctx, vhost(s.vhosts)); err != nil {
			return "", "", err
		}
	}
	s.vhosts++
	if bus, err = s.broker.NewVhost(ctx, vhost(s.vhosts)); err != nil {
		return "", "", err
	}
	if like == "" {
		store, err = s.database.EmptyDatabase(ctx)
	} else {
		store, err = s.database.CopyDatabase(ctx, like)
	}
	return bus, store, err
}

func vhost(n int) string { return fmt.Sprint("bench", n) }

// CPU is the processor time of both.
func (s *servers) CPU() (map[string]time.Duration, error) {
	used := map[string]time.Duration{}
	for name, pids := range map[string][]int{"RabbitMQ": s.broker.PIDs(), "PostgreSQL": s.database.PIDs()} {
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

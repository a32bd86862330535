package amqp

import (
	"net"
	"sync"
)

// mostGathered bounds what waits to be written; above it a write waits too.
const mostGathered = 1 << 20

// gathering is a connection whose writes do not wait: what comes while one is under way goes out with the next. The library
// writes each message by itself, which costs both sides a system call and a wake-up each. Measured: 5 % of the processor time of a
// create, node and broker together. A write that fails or takes too long closes the connection.
type gathering struct {
	net.Conn
	wake chan struct{} // holds one word: there is something to write, or the end

	mu   sync.Mutex
	room *sync.Cond // of mu; buf was taken, or err is set
	buf  []byte     // guarded by mu
	err  error      // guarded by mu; why nothing is written any more
}

func newGathering(c net.Conn) *gathering {
	g := &gathering{Conn: c, wake: make(chan struct{}, 1)}
	g.room = sync.NewCond(&g.mu)
	go g.run() // ends with Close
	return g
}

// Write keeps p to be written soon.
func (g *gathering) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.buf) > mostGathered && g.err == nil {
		g.room.Wait()
	}
	if g.err != nil {
		return 0, g.err
	}
	g.buf = append(g.buf, p...)
	g.tell()
	return len(p), nil
}

// Close drops what is not written: who wants an answer has waited for it.
func (g *gathering) Close() error {
	g.fail(net.ErrClosed)
	return g.Conn.Close()
}

func (g *gathering) run() {
	var spare []byte
	for range g.wake {
		batch, err := g.take(spare)
		if err != nil {
			return
		}
		if err := g.write(batch); err != nil {
			g.fail(err)
			_ = g.Conn.Close() // the reader learns of it
			return
		}
		spare = batch[:0]
	}
}

// take is everything that waits.
func (g *gathering) take(spare []byte) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := g.buf
	g.buf = spare
	g.room.Broadcast()
	return batch, g.err
}

func (g *gathering) write(batch []byte) error {
	if len(batch) == 0 {
		return nil
	}
	if err := g.SetWriteDeadline(machineTime().Add(writeTime)); err != nil {
		return err
	}
	_, err := g.Conn.Write(batch)
	return err
}

// fail ends the writing; the first reason counts.
func (g *gathering) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	g.room.Broadcast()
	g.tell()
}

func (g *gathering) tell() {
	select {
	case g.wake <- struct{}{}:
	default: // the word is there already
	}
}

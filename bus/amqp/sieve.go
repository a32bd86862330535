package amqp

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"

	"github.com/ozonecloud/ozone/bus"
)

// mostHeaders is how many bytes the headers of a stranger's message may have. Source: docs/numbers.md.
const mostHeaders = 8 << 10

// The parts of AMQP that a sieve looks at. Source: AMQP 0-9-1, "General Frame Format", "The Content Header", and RabbitMQ's errata.
const (
	frameHead     = 7 // type, channel, size
	frameIsHeader = 2
	frameIsBody   = 3
	frameEnd      = 0xCE
	fixedHeader   = 12 // class, weight, size of the message
	hasType       = 1 << 15
	hasEncoding   = 1 << 14
	hasHeaders    = 1 << 13
)

// sieve is a connection that lets through what strangers write into the headers of a message only as far as the library can
// read it, and of their messages as much as there is room for. The broker takes headers that are nested without end, and ones that are larger than a frame when it has added its own.
// The library ends the connection for both: one message would end it again and again, and with it the deliveries of everybody.
type sieve struct {
	net.Conn
	in    *bufio.Reader
	left  int    // how much of the present frame goes through as it is
	out   []byte // what goes out before anything else is read
	frame []byte // where out lies
	// bodies are those that are cut, by channel: how much of each still goes through.
	bodies map[uint16]int
}

func newSieve(c net.Conn) *sieve {
	return &sieve{Conn: c, in: bufio.NewReader(c), bodies: map[uint16]int{}}
}

// Read reads what the broker sends.
func (s *sieve) Read(p []byte) (int, error) {
	for s.left == 0 && len(s.out) == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	if len(s.out) > 0 {
		n := copy(p, s.out)
		s.out = s.out[n:]
		return n, nil
	}
	n, err := s.in.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}

// next begins with the next frame.
func (s *sieve) next() error {
	const most = 1 << 20 // a frame that is larger than any broker's is the library's to refuse
	head, err := s.in.Peek(frameHead)
	if err != nil {
		return err
	}
	kind, channel, size := head[0], binary.BigEndian.Uint16(head[1:]), int(binary.BigEndian.Uint32(head[3:]))
	whole := frameHead + size + 1
	room, cut := s.bodies[channel]
	if whole > most || kind != frameIsHeader && (kind != frameIsBody || !cut) {
		s.left = whole
		return nil
	}
	s.frame = append(s.frame[:0], make([]byte, whole)...)
	if _, err := io.ReadFull(s.in, s.frame); err != nil {
		return err
	}
	if kind == frameIsHeader {
		s.measure(channel, s.frame[frameHead:])
		s.out = sift(s.frame)
		return nil
	}
	size = min(size, room)
	s.bodies[channel] = room - size
	if size > 0 {
		binary.BigEndian.PutUint32(s.frame[3:], uint32(size)) //nolint:gosec // a part of a frame
		s.out = append(s.frame[:frameHead+size], frameEnd)
	}
	return nil
}

// measure looks at how long a message says that it is, and makes it say less when it is too long.
func (s *sieve) measure(channel uint16, header []byte) {
	const at, most = 4, bus.MaxOutside + 1
	delete(s.bodies, channel)
	if len(header) >= fixedHeader && binary.BigEndian.Uint64(header[at:]) > most {
		binary.BigEndian.PutUint64(header[at:], most)
		s.bodies[channel] = most
	}
}

// sift is the frame of a content header without those of the message's headers that are lists or tables; without all of them when
// they are too large or not readable. What is no such frame stays as it is.
func sift(frame []byte) []byte {
	body := frame[frameHead : len(frame)-1]
	if len(body) < fixedHeader+2 {
		return frame
	}
	flags, at := binary.BigEndian.Uint16(body[fixedHeader:]), fixedHeader+2
	for _, text := range []uint16{hasType, hasEncoding} {
		if flags&text != 0 && at < len(body) {
			at += 1 + int(body[at])
		}
	}
	if flags&hasHeaders == 0 || at+4 > len(body) {
		return frame
	}
	begin, size := at+4, int(binary.BigEndian.Uint32(body[at:]))
	if size > len(body)-begin {
		return frame
	}
	table := body[begin : begin+size]
	kept := scalars(table)
	if size > mostHeaders {
		kept = nil
	}
	if len(kept) == size {
		return frame
	}
	out := append([]byte{}, frame[:frameHead+at]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(kept))) //nolint:gosec // a part of a frame
	out = append(append(out, kept...), body[begin+size:]...)
	binary.BigEndian.PutUint32(out[3:], uint32(len(out)-frameHead)) //nolint:gosec // a part of a frame
	return append(out, frameEnd)
}

// widths are how many bytes the values of each type have. L is one that the broker knows and the library does not.
var widths = map[byte]int{'t': 1, 'b': 1, 'B': 1, 's': 2, 'u': 2, 'I': 4, 'i': 4, 'l': 8, 'L': 8, 'f': 4, 'd': 8, 'D': 5, 'T': 8, 'V': 0}

// scalars are the fields of a table whose values have no parts; none when the table is not readable.
func scalars(table []byte) (kept []byte) {
	for rest := table; len(rest) > 0; {
		name := 1 + int(rest[0])
		if name >= len(rest) {
			return nil
		}
		kind, value := rest[name], rest[name+1:]
		width, known := widths[kind]
		if !known {
			if kind != 'S' && kind != 'x' && kind != 'A' && kind != 'F' || len(value) < 4 {
				return nil
			}
			width = 4 + int(binary.BigEndian.Uint32(value))
		}
		if width > len(value) {
			return nil
		}
		if kind != 'A' && kind != 'F' && kind != 'L' {
			kept = append(kept, rest[:name+1+width]...)
		}
		rest = value[width:]
	}
	return kept
}

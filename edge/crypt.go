package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
)

// cryptWith is crypt(3) with SHA-256 ("$5$"). Source: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", whose
// names the variables have. It is here and not a library's because a create spends a fifth of its processor time in
// it and made a third of its garbage: docs/adr/0010-what-a-create-costs.md.
func cryptWith(plain, salt string, rounds int) string {
	d, key, grain := newDigester(), []byte(plain), []byte(salt)
	b := d.sum(1, key, grain, key)
	text := append(slices.Concat(key, grain), repeated(b, len(key))...)
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			text = append(text, b...)
		} else {
			text = append(text, key...)
		}
	}
	a := d.sum(1, text)
	p := repeated(d.sum(len(key), key), len(key))
	s := repeated(d.sum(16+int(a[0]), grain), len(grain))
	texts := newRoundTexts(p, s)
	for i := range rounds {
		t := texts.of(i)
		copy(t.padded[t.at:], a)
		a = d.blocks(t.padded)
	}
	return fmt.Sprintf("$5$rounds=%d$%s$%s", rounds, salt, cryptText(a))
}

// repeated is the first n bytes of digest after digest.
func repeated(digest []byte, n int) []byte {
	return bytes.Repeat(digest, n/len(digest)+1)[:n]
}

// roundTexts are what the rounds hash, all but the digest a of the round before: there are only eight of them.
type roundTexts [2][2][2]roundText

// roundText is one of them, padded; a belongs at at.
type roundText struct {
	padded []byte
	at     int
}

func newRoundTexts(p, s []byte) *roundTexts {
	a := make([]byte, sha256.Size) // a place of its length
	room := make([]byte, 0, 8*(len(a)+len(s)+2*len(p)+2*sha256.BlockSize))
	var texts roundTexts
	for i := range 2 * 3 * 7 {
		t := texts.of(i)
		if t.padded != nil {
			continue
		}
		text := room[len(room):]
		if i%2 != 0 {
			text = append(text, p...)
		} else {
			text = append(text, a...)
		}
		if i%3 != 0 {
			text = append(text, s...)
		}
		if i%7 != 0 {
			text = append(text, p...)
		}
		if i%2 != 0 {
			t.at = len(text)
			text = append(text, a...)
		} else {
			text = append(text, p...)
		}
		t.padded = pad(text)
		room = room[:len(room)+len(t.padded)]
	}
	return &texts
}

func (t *roundTexts) of(i int) *roundText {
	return &t[i%2][min(i%3, 1)][min(i%7, 1)]
}

// pad makes a text what SHA-256 takes: one bit, zeros and its length in bits fill the last block.
func pad(text []byte) []byte {
	const lengthSize = 8
	bits := uint64(len(text)) * 8
	text = append(text, 0x80)
	for len(text)%sha256.BlockSize != sha256.BlockSize-lengthSize {
		text = append(text, 0)
	}
	return binary.BigEndian.AppendUint64(text, bits)
}

// digester hashes padded texts and reads each digest from the state of the hash: one call for a text, no copy of the hash.
type digester struct {
	hash  hash.Hash
	state encoding.BinaryAppender // the same hash
	read  []byte
}

func newDigester() *digester {
	h := sha256.New()
	return &digester{hash: h, state: h.(encoding.BinaryAppender)} //nolint:forcetypeassert // documented for sha256.New
}

// sum is the SHA-256 of a text in parts, n times over.
func (d *digester) sum(n int, text ...[]byte) []byte {
	d.hash.Reset()
	for range n {
		for _, part := range text {
			_, _ = d.hash.Write(part) // never fails
		}
	}
	return d.hash.Sum(nil)
}

// blocks is the SHA-256 of a padded text, valid until the next one: after whole blocks it is the state, behind its magic number.
func (d *digester) blocks(padded []byte) []byte {
	const magicSize = 4
	d.hash.Reset()
	_, _ = d.hash.Write(padded)                  // never fails
	d.read, _ = d.state.AppendBinary(d.read[:0]) // never fails
	return d.read[magicSize : magicSize+sha256.Size]
}

// cryptText writes a digest with the letters and in the order of crypt(3).
func cryptText(d []byte) string {
	const letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	text := make([]byte, 0, 43)
	write := func(bits uint32, n int) {
		for range n {
			text = append(text, letters[bits&63])
			bits >>= 6
		}
	}
	for i, k := 0, 0; i < 10; i, k = i+1, (k+21)%30 { // three bytes ten apart; the next three begin 21 further on
		write(uint32(d[k])<<16|uint32(d[(k+10)%30])<<8|uint32(d[(k+20)%30]), 4)
	}
	write(uint32(d[31])<<8|uint32(d[30]), 3)
	return string(text)
}

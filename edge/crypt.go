package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
)

// cryptWith is crypt(3) with SHA-256 ("$5$"). Source: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", whose
// names the variables have. It is here and not a library's because a create spends a fifth of its processor time in
// it and made a third of its garbage: docs/adr/0010-what-a-create-costs.md.
func cryptWith(plain, salt string, rounds int) string {
	d := newDigester()
	b := d.sum(plain + salt + plain)
	text := []byte(plain + salt + repeated(b, len(plain)))
	for n := len(plain); n > 0; n >>= 1 {
		if n&1 != 0 {
			text = append(text, b...)
		} else {
			text = append(text, plain...)
		}
	}
	a := bytes.Clone(d.sum(string(text)))
	p := repeated(d.sum(strings.Repeat(plain, len(plain))), len(plain))
	s := repeated(d.sum(strings.Repeat(salt, 16+int(a[0]))), len(salt))
	texts := newRoundTexts(p, s)
	for i := range rounds {
		t := texts.of(i)
		copy(t.padded[t.at:], a)
		a = d.blocks(t.padded)
	}
	return fmt.Sprintf("$5$rounds=%d$%s$%s", rounds, salt, cryptText(a))
}

// repeated is the first n bytes of digest after digest.
func repeated(digest []byte, n int) string {
	return string(bytes.Repeat(digest, n/len(digest)+1)[:n])
}

// roundTexts are what the rounds hash, all but the digest a of the round before: there are only eight of them.
type roundTexts [2][2][2]roundText

// roundText is one of them, padded; a belongs at at.
type roundText struct {
	padded []byte
	at     int
}

func newRoundTexts(p, s string) *roundTexts {
	const a = "01234567890123456789012345678901" // a place of its length
	var texts roundTexts
	for i := range 2 * 3 * 7 {
		t := texts.of(i)
		if t.padded != nil {
			continue
		}
		first, last, at := a, p, 0
		if i%2 != 0 {
			first, last = p, a
		}
		text := first
		if i%3 != 0 {
			text += s
		}
		if i%7 != 0 {
			text += p
		}
		if i%2 != 0 {
			at = len(text)
		}
		*t = roundText{padded(text + last), at}
	}
	return &texts
}

func (t *roundTexts) of(i int) *roundText {
	return &t[i%2][min(i%3, 1)][min(i%7, 1)]
}

// padded is a text as SHA-256 takes it: one bit, zeros and its length in bits fill the last block.
func padded(text string) []byte {
	const lengthSize = 8
	bits := uint64(len(text)) * 8
	b := append([]byte(text), 0x80)
	b = append(b, make([]byte, (2*sha256.BlockSize-lengthSize-len(b)%sha256.BlockSize)%sha256.BlockSize)...)
	return binary.BigEndian.AppendUint64(b, bits)
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

// sum is the SHA-256 of a text, valid until the next one.
func (d *digester) sum(text string) []byte { return d.blocks(padded(text)) }

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

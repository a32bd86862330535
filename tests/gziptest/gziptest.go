// Package gziptest makes bodies in gzip for tests.
package gziptest

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

// Pack is text in gzip.
func Pack(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

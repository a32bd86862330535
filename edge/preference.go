package edge

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// MaxWait bounds every wait for an operation that a client asks for. Source: docs/api.md (60 s).
const MaxWait = 60 * time.Second

// maxKey is the longest idempotency key. Source: docs/api.md (64 visible ASCII characters).
const maxKey = 64

// preference is what a client asked for with Prefer (RFC 7240).
type preference struct {
	async   bool          // respond-async: do not wait at all
	wait    time.Duration // wait=N: wait for the end
	applied string        // as it is confirmed; "": nothing was asked for
}

// preferenceOf reads the Prefer headers of a request, which mean the same as one with all that they have.
func preferenceOf(r *Request) preference {
	return parsePreference(string(joined(&r.http.Request.Header, "Prefer")))
}

// parsePreference reads a Prefer header. What it does not know it ignores, as the RFC wants; respond-async goes before wait.
func parsePreference(header string) preference {
	var p preference
	for part := range strings.SplitSeq(header, ",") {
		part, _, _ = strings.Cut(part, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "respond-async"):
			return preference{async: true, applied: "respond-async"}
		case strings.EqualFold(name, "wait") && p.wait == 0:
			p.wait = parseWait(strings.Trim(value, ` "`))
		}
	}
	if p.wait > 0 {
		p.applied = "wait=" + strconv.Itoa(int(p.wait/time.Second))
	}
	return p
}

// parseWait reads whole seconds up to MaxWait; 0: none, or not a number.
func parseWait(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, MaxWait)
}

// idempotencyKey is the SHA-256 of the client's Idempotency-Key; nil when there is none.
func idempotencyKey(r *Request) ([]byte, error) {
	given := r.http.Request.Header.PeekAll("Idempotency-Key")
	if len(given) == 0 {
		return nil, nil
	}
	key := string(given[0])
	if inner, ok := strings.CutPrefix(key, `"`); ok { // a structured field's string
		key = strings.TrimSuffix(inner, `"`)
	}
	hash, ok := hashKey(key)
	if len(given) > 1 || !ok {
		return nil, schemas.Errorf(schemas.KindInvalid, "Idempotency-Key must be one of 1 to %d visible ASCII characters.", maxKey)
	}
	return hash, nil
}

// hashKey is the SHA-256 of an idempotency key; false: it cannot be one.
func hashKey(key string) ([]byte, bool) {
	visible := strings.IndexFunc(key, func(c rune) bool { return c < '!' || c > '~' }) < 0
	hash := sha256.Sum256([]byte(key))
	return hash[:], visible && key != "" && len(key) <= maxKey
}

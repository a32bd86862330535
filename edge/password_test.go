package edge

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/go-crypt/x/crypt"
)

// The vectors are those of the public specification "Unix crypt using SHA-256 and SHA-512", as glibc computes them.
func TestPasswordHashesAreThoseOfCrypt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		plain, salt string
		rounds      int
		want        string
	}{
		{"Hello world!", "saltstringsaltst", 1000, "$5$rounds=1000$saltstringsaltst$cSv7nWzgUjd5.cVg4yn64CGOTkcQl1wXTNvW1OSLbZ0"},
		{"Hello world!", "saltstringsaltst", 5000, "$5$rounds=5000$saltstringsaltst$a5C8Ofk71MUIoKve2QuP9FMl.dwNgseF5tR1LGAL7iB"},
		{"Hello world!", "saltstringsaltst", 10000, "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
		{"we have a short salt string but not a short password", "short", 77777, "$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/"},
		{"the minimum number is still observed", "roundstoolow", 1000, "$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC"},
	} {
		if got := cryptWith(c.plain, c.salt, c.rounds); got != c.want {
			t.Errorf("cryptWith(%q, %q, %d) = %s, want %s", c.plain, c.salt, c.rounds, got, c.want)
		}
	}
}

// The library is slower, and right.
func TestPasswordHashesAreThoseOfALibrary(t *testing.T) {
	t.Parallel()
	text := strings.Repeat(alphabet, 5)
	for n := range 130 {
		plain, salt := text[n/2:n/2+n], text[n%7:n%7+n%(saltLength+1)]
		key := crypt.KeySHACrypt(sha256.New, []byte(plain), []byte(salt), 1000)
		if want := "$5$rounds=1000$" + salt + "$" + string(key); cryptWith(plain, salt, 1000) != want {
			t.Errorf("cryptWith(%q, %q) = %s, want %s", plain, salt, cryptWith(plain, salt, 1000), want)
		}
	}
}

func TestNewPasswordsAreRandomLettersAndDigits(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 20 {
		plain, hash, err := NewPassword()
		if err != nil || len(plain) != passwordLength || strings.Trim(plain, alphabet) != "" || seen[plain] {
			t.Fatalf("NewPassword() = %q, %v", plain, err)
		}
		seen[plain] = true
		salt := strings.Split(hash, "$")[3]
		if want := cryptWith(plain, salt, roundsMade); hash != want {
			t.Errorf("hash of %q = %s, want %s", plain, hash, want)
		}
	}
}

func BenchmarkNewPassword(b *testing.B) {
	for b.Loop() {
		if _, _, err := NewPassword(); err != nil {
			b.Fatal(err)
		}
	}
}

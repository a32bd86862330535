package edge

import (
	"crypto/rand"
	"fmt"
)

// The rounds of crypt(3). A password that the edge makes is random, so stretching buys nothing and the
// smallest number that crypt(3) takes is best: 5,000 cost more than the rest of a create. One that a tenant
// chose gets the default of crypt(3).
const (
	roundsMade  = 1000
	roundsGiven = 5000
)

const (
	// passwordLength gives 71 bits. Source: docs/api.md, adminPass (at least 12 letters and digits).
	passwordLength = 12
	saltLength     = 16 // the longest that crypt(3) uses
	alphabet       = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// NewPassword makes a password for a new server, with its crypt(3) hash.
func NewPassword() (plain, hash string, err error) {
	if plain, err = randomText(passwordLength); err != nil {
		return "", "", err
	}
	hash, err = cryptSHA256(plain, roundsMade)
	return plain, hash, err
}

// HashPassword is the crypt(3) hash of a password that a tenant chose.
func HashPassword(plain string) (string, error) { return cryptSHA256(plain, roundsGiven) }

func cryptSHA256(plain string, rounds int) (string, error) {
	salt, err := randomText(saltLength)
	if err != nil {
		return "", err
	}
	return cryptWith(plain, salt, rounds), nil
}

// randomText draws letters and digits, each equally likely.
func randomText(n int) (string, error) {
	const fair = 256 - 256%len(alphabet)
	text, draw := make([]byte, 0, n), make([]byte, 2*n)
	for len(text) < n {
		if _, err := rand.Read(draw); err != nil {
			return "", fmt.Errorf("draw random text: %w", err)
		}
		for _, b := range draw {
			if int(b) < fair && len(text) < n {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(text), nil
}

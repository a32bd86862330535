package schemas

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// SealKeySize is the size of the key of a Sealer, in bytes: AES-256.
const SealKeySize = 32

// Sealer hides payloads from everybody but those who hold the key file: AES-256-GCM with a random nonce.
type Sealer struct {
	aead   cipher.AEAD
	digest []byte // key of Digest
}

// NewSealer makes a Sealer from a key of SealKeySize bytes.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != SealKeySize {
		return nil, fmt.Errorf("secret key: %d bytes, want %d", len(key), SealKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("secret key: %w", err)
	}
	return &Sealer{aead: aead, digest: mac(key, []byte("ozone digest key"))}, nil
}

// Seal is the sealed form of p, bound to its operation.
func (s *Sealer) Seal(op OperationID, p Payload) ([]byte, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("seal payload: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal payload: %w", err)
	}
	return s.aead.Seal(nonce, nonce, plain, []byte(op)), nil
}

// Open is the payload that Seal hid for the same operation.
func (s *Sealer) Open(op OperationID, sealed []byte) (Payload, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return Payload{}, errors.New("open payload: too short")
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(op))
	if err != nil {
		return Payload{}, fmt.Errorf("open payload: another key or damaged: %w", err)
	}
	var p Payload
	if err := json.Unmarshal(plain, &p); err != nil {
		return Payload{}, fmt.Errorf("open payload: %w", err)
	}
	return p, nil
}

// Fingerprint names the key without showing it.
func (s *Sealer) Fingerprint() string {
	return hex.EncodeToString(s.Digest([]byte("ozone key fingerprint"))[:16])
}

// Digest tells commands apart without showing what is in them: HMAC-SHA256 under a key derived from the secret key.
func (s *Sealer) Digest(canonical []byte) []byte { return mac(s.digest, canonical) }

func mac(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(data) // a hash never fails
	return h.Sum(nil)
}

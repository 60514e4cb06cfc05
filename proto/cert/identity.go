package cert

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// The blocks of files, in PEM.
const (
	blockOperatorKey = "CIM OPERATOR KEY" // the seed of the operator's key
	blockOperator    = "CIM OPERATOR"     // the operator's public key
	blockProcessKey  = "CIM PROCESS KEY"  // the seed of a process's key
	blockCertificate = "CIM CERTIFICATE"
)

// An Identity has the content of the file of one process. It never changes.
type Identity struct {
	Certificate
	signed    []byte // the certificate in binary form
	key       ed25519.PrivateKey
	operators []ed25519.PublicKey
}

// NewIdentity makes a key for a process and signs its certificate c. The field Public of
// c need not be set.
func NewIdentity(c Certificate, operator ed25519.PrivateKey) (*Identity, error) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("make process key: %w", err)
	}
	c.Public = public
	signed, err := c.Sign(operator)
	if err != nil {
		return nil, err
	}
	return &Identity{Certificate: c, signed: signed, key: key, operators: []ed25519.PublicKey{operator.Public().(ed25519.PublicKey)}}, nil
}

// PEM returns the content of the process's file. It contains the secret key.
func (i *Identity) PEM() []byte {
	b := pem.EncodeToMemory(&pem.Block{
		Type: blockCertificate, Bytes: i.signed,
		Headers: map[string]string{"Role": i.Role.String(), "Id": i.ID, "End": i.NotAfter.UTC().Format(time.DateOnly)},
	})
	b = append(b, pem.EncodeToMemory(&pem.Block{Type: blockProcessKey, Bytes: i.key.Seed()})...)
	for _, operator := range i.operators {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: blockOperator, Bytes: operator})...)
	}
	return b
}

// ParseIdentity reads the content of a process's file. The file must have the operator
// that signed the certificate. It may have more operators while an operator's key is
// being replaced. ParseIdentity ignores the headers, which are for people. An error
// says what is wrong with the file. If the certificate has expired, the error wraps
// ErrExpired.
func ParseIdentity(text []byte, now time.Time) (*Identity, error) {
	i := new(Identity)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case blockCertificate:
			i.signed = block.Bytes
		case blockProcessKey:
			if len(block.Bytes) != ed25519.SeedSize {
				return nil, fmt.Errorf("process key of %d bytes, want %d", len(block.Bytes), ed25519.SeedSize)
			}
			i.key = ed25519.NewKeyFromSeed(block.Bytes)
		case blockOperator:
			if len(block.Bytes) != ed25519.PublicKeySize {
				return nil, fmt.Errorf("operator's public key of %d bytes, want %d", len(block.Bytes), ed25519.PublicKeySize)
			}
			i.operators = append(i.operators, block.Bytes)
		case blockOperatorKey:
			return nil, errors.New("this is the operator's key, which no process may have")
		}
	}
	if i.signed == nil || i.key == nil || i.operators == nil {
		return nil, errors.New("file lacks a certificate, a process key or an operator")
	}
	c, err := Open(i.signed, now, i.operators...)
	if err != nil {
		return nil, err
	}
	if !c.Public.Equal(i.key.Public()) {
		return nil, errors.New("certificate belongs to another process key")
	}
	i.Certificate = c
	return i, nil
}

// NewOperator makes an operator's key.
func NewOperator() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("make operator's key: %w", err)
	}
	return key, nil
}

// OperatorPEM returns the content of the file with the operator's secret key.
func OperatorPEM(key ed25519.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockOperatorKey, Bytes: key.Seed()})
}

// ParseOperator reads what OperatorPEM returned.
func ParseOperator(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != blockOperatorKey || len(block.Bytes) != ed25519.SeedSize {
		return nil, errors.New("file has no operator's key")
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

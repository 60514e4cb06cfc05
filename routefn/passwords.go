package routefn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"github.com/cim-go/cim/proto"
)

// The cost of a password, as OWASP recommends for Argon2id (2023): 19 MiB, two
// passes, one lane. A stored credential names its own cost, so that it can be
// raised here without making old ones worthless.
const (
	argonMemory = 19 << 10 // KiB
	argonPasses = 2
	argonLanes  = 1
	saltSize    = 16
	hashSize    = 32
)

// queuedPasswords is how many wait a core: a login waits for some 200 ms at most,
// and what comes beyond that is told to come back later.
const queuedPasswords = 8

// passwords makes and checks credentials, as many at a time as there are cores,
// because each takes 19 MiB.
type passwords struct {
	busy    func() // told before each
	running chan struct{}
	waiting atomic.Int64
	nobody  credential // what the password of an unknown user is compared with
}

func newPasswords(busy func()) *passwords {
	return &passwords{
		busy:    busy,
		running: make(chan struct{}, runtime.GOMAXPROCS(0)),
		nobody:  credential{argonMemory, argonPasses, argonLanes, make([]byte, saltSize), make([]byte, hashSize)},
	}
}

// hash returns the credential of a password in the PHC string format. It blocks
// until its turn; the error has the code Overloaded, or is ctx's.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	c := credential{memory: argonMemory, passes: argonPasses, lanes: argonLanes, salt: make([]byte, saltSize)}
	rand.Read(c.salt) // never fails
	c.hash = c.derive(password, hashSize)
	return c.String(), nil
}

// verify reports whether the password belongs to the credential. An empty or
// malformed one belongs to no password, and takes as long to find that out:
// otherwise the time would tell who has an account. Errors are those of hash.
func (p *passwords) verify(ctx context.Context, stored, password string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	c, known := parseCredential(stored)
	if !known {
		c = p.nobody
	}
	same := subtle.ConstantTimeCompare(c.derive(password, uint32(len(c.hash))), c.hash) == 1
	return same && known, nil
}

func (p *passwords) enter(ctx context.Context) error {
	if p.waiting.Add(1) > int64(cap(p.running))*(1+queuedPasswords) {
		p.waiting.Add(-1)
		return proto.Err(proto.Overloaded, "")
	}
	select {
	case p.running <- struct{}{}:
		p.busy()
		return nil
	case <-ctx.Done():
		p.waiting.Add(-1)
		return ctx.Err()
	}
}

func (p *passwords) leave() {
	<-p.running
	p.waiting.Add(-1)
}

// A credential is a hashed password with what it was hashed with.
type credential struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

func (c credential) derive(password string, size uint32) []byte {
	return argon2.IDKey([]byte(password), c.salt, c.passes, c.memory, c.lanes, size)
}

// String returns the PHC string format: $argon2id$v=19$m=...,t=...,p=...$salt$hash.
func (c credential) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes,
		b64.EncodeToString(c.salt), b64.EncodeToString(c.hash))
}

// parseCredential undoes String and refuses costs that would take the route down.
func parseCredential(s string) (credential, bool) {
	var c credential
	var version int
	var rest string
	if _, err := fmt.Sscanf(s, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &c.memory, &c.passes, &c.lanes, &rest); err != nil {
		return credential{}, false
	}
	salt, hash, ok := cutDecoded(rest)
	c.salt, c.hash = salt, hash
	ok = ok && version == argon2.Version &&
		c.memory >= 8 && c.memory <= 1<<20 && c.passes >= 1 && c.passes <= 16 && c.lanes >= 1 && c.lanes <= 16 &&
		len(c.salt) >= 8 && len(c.hash) >= 16 && len(c.hash) <= 64
	return c, ok
}

// cutDecoded decodes the last two parts of a credential.
func cutDecoded(s string) (salt, hash []byte, ok bool) {
	left, right, _ := strings.Cut(s, "$")
	salt, errSalt := base64.RawStdEncoding.DecodeString(left)
	hash, errHash := base64.RawStdEncoding.DecodeString(right)
	return salt, hash, errSalt == nil && errHash == nil
}

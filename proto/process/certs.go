package process

import (
	"flag"
	"fmt"
	"log/slog"
	"time"

	"github.com/cim-go/cim/proto/cert"
)

// Certs has the flags by which a process proves itself to others.
type Certs struct {
	Identity    string // the file of the process's key and certificate, or file:PATH or secretsmanager:ARN; empty: there is none
	AcceptToken bool   // accept other processes that have only the cluster key

	name string // flag of Identity, without the hyphen
	ring *cert.Keyring
	now  func() time.Time
}

// Flags registers the flag called name for Identity on fs, and -accept-cluster-key.
func (c *Certs) Flags(fs *flag.FlagSet, name string) {
	c.IdentityFlag(fs, name, "this process")
	fs.BoolVar(&c.AcceptToken, "accept-cluster-key", false,
		"with -identity: also take calls of processes that have only the cluster key, and show it to them,\nwhile those of the version before are replaced")
}

// IdentityFlag registers on fs only the flag for Identity. The parameter name is the
// flag's name, and of says to which process the identity belongs.
func (c *Certs) IdentityFlag(fs *flag.FlagSet, name, of string) {
	c.name = name
	fs.StringVar(&c.Identity, name, "", "`file` with the key and the certificate of "+of+" (or secretsmanager:ARN), which cim cluster makes.\nEmpty: the cluster key alone counts between processes")
}

// Load reads the identity and returns the keyring, or nil if there is none. The
// certificate must have this role. The parameter now is the process's clock. Errors about
// the flags wrap ErrUsage.
func (c *Certs) Load(role cert.Role, now func() time.Time) (*cert.Keyring, error) {
	if c.Identity == "" {
		if c.AcceptToken {
			return nil, fmt.Errorf("%w: -accept-cluster-key needs -%s; without it the cluster key counts anyway", ErrUsage, c.name)
		}
		return nil, nil
	}
	c.now = now
	id, err := c.read(role)
	if err != nil {
		return nil, err
	}
	c.ring = cert.NewKeyring(id, now)
	return c.ring, nil
}

func (c *Certs) read(role cert.Role) (*cert.Identity, error) {
	value := c.Identity
	if !elsewhere(value) {
		value = "file:" + value
	}
	text, err := Secret(c.name, value)
	if err != nil {
		return nil, err
	}
	id, err := cert.ParseIdentity(text, c.now())
	if err != nil {
		return nil, fmt.Errorf("%w: -%s: %w", ErrUsage, c.name, err)
	}
	if id.Role != role {
		return nil, fmt.Errorf("%w: -%s: certificate of a %v, want one of a %v", ErrUsage, c.name, id.Role, role)
	}
	return id, nil
}

// Again reads the identity once more and uses it if it is for the same process. If there
// is an error, the present identity stays in use. The error names the flag.
func (c *Certs) Again(again *Certs) error {
	if c.ring == nil || again.Identity == "" {
		return nil
	}
	now := c.ring.Certificate()
	again.now = c.now
	id, err := again.read(now.Role)
	if err != nil {
		return err
	}
	if id.ID != now.ID {
		return fmt.Errorf("%w: -%s: certificate of %s, and this is %s", ErrUsage, c.name, id.ID, now.ID)
	}
	c.ring.Set(id)
	return nil
}

// If a certificate ends within endSoon, the log has a warning at the start.
const endSoon = 30 * 24 * time.Hour

// Tell logs the identity of the process. It also logs warnings about a certificate that
// ends soon, and about AcceptToken.
func (c *Certs) Tell(log *slog.Logger) {
	if c.ring == nil {
		return
	}
	own := c.ring.Certificate()
	log.Info("process proves itself by a certificate", "role", own.Role.String(), "id", own.ID, "until", own.NotAfter.UTC().Format(time.DateOnly))
	if own.NotAfter.Sub(c.now()) < endSoon {
		log.Warn("certificate ends soon", "id", own.ID, "until", own.NotAfter.UTC().Format(time.DateOnly))
	}
	if c.AcceptToken {
		log.Warn("the cluster key alone is accepted (-accept-cluster-key): whoever has it can act as a node and as a route")
	}
}

package program

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/cim-go/cim/routefn/cim-route/config"
)

// clientTLS returns the configuration of the client port, or nil without a
// certificate.
func clientTLS(cert, key string, log *slog.Logger) (*tls.Config, error) {
	if cert == "" {
		return nil, nil
	}
	c := &certificate{cert: cert, key: key, log: log}
	if err := c.look(); err != nil {
		return nil, fmt.Errorf("%w: -tls-cert: %w", config.ErrUsage, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current}, nil
}

// lookEvery bounds how often the files are looked at: once a second, not once a
// handshake.
const lookEvery = time.Second

// certificate is read again when its files change, so that renewing it needs no
// restart. What counts is what stands in them: stores and images that set all times
// to one leave the file's time as it was.
type certificate struct {
	cert, key string // paths
	log       *slog.Logger

	// Guarded by mu.
	mu     sync.Mutex
	loaded *tls.Certificate
	from   pair // what loaded was made of
	looked time.Time
	told   string // what is wrong with the files now, as the log has it
}

// pair is the content of both files.
type pair struct{ cert, key []byte }

func (p pair) equal(other pair) bool {
	return bytes.Equal(p.cert, other.cert) && bytes.Equal(p.key, other.key)
}

// current implements tls.Config.GetCertificate. Files that cannot be read or do not
// belong together, as in the middle of being replaced, leave the certificate that is
// loaded; the log is told once.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.tell(c.look())
	}
	return c.loaded, nil
}

// look loads the certificate if its files have changed. It is called under mu, or by
// clientTLS.
func (c *certificate) look() error {
	var now pair
	var err error
	if now.cert, err = os.ReadFile(c.cert); err != nil {
		return err
	}
	if now.key, err = os.ReadFile(c.key); err != nil {
		return err
	}
	if c.loaded != nil && now.equal(c.from) {
		return nil
	}
	made, err := tls.X509KeyPair(now.cert, now.key)
	if err != nil {
		return err
	}
	if c.loaded != nil {
		c.log.Info("certificate was renewed", "file", c.cert)
	}
	c.loaded, c.from = &made, now
	return nil
}

func (c *certificate) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != c.told {
		c.log.Warn("certificate cannot be renewed, the old one is served", "file", c.cert, "err", err)
	}
	c.told = text
}

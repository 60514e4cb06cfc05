package program

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cim-go/cim/routefn/cim-route/config"
)

// clientTLS returns the configuration of the client port, or nil without a
// certificate.
func clientTLS(cert, key string) (*tls.Config, error) {
	if cert == "" {
		return nil, nil
	}
	c := &certificate{cert: cert, key: key}
	if _, err := c.current(nil); err != nil {
		return nil, fmt.Errorf("%w: -tls-cert: %w", config.ErrUsage, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current}, nil
}

// lookEvery bounds how often the file is looked at: once a second, not once a
// handshake.
const lookEvery = time.Second

// certificate is read again when its file changes, so that renewing it needs no
// restart.
type certificate struct {
	cert, key string // paths

	// Guarded by mu.
	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time // modification time of the file that is loaded
	looked  time.Time
}

// current implements tls.Config.GetCertificate. A file that cannot be read, as
// in the middle of being replaced, leaves the one that is loaded.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.loaded != nil && now.Sub(c.looked) < lookEvery {
		return c.loaded, nil
	}
	c.looked = now
	info, err := os.Stat(c.cert)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.changed) {
		return c.loaded, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.loaded, c.changed = &pair, info.ModTime()
		}
	}
	if c.loaded == nil {
		return nil, err
	}
	return c.loaded, nil
}

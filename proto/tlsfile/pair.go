package tlsfile

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery bounds how often the files are read: at most once a second, and not at
// every handshake.
const lookEvery = time.Second

// Pair is a certificate and its key, each in a file. It is read again when the content of
// the files changes, so that renewing it needs no restart. The files' times do not count,
// because some stores and images set all times to the same value. It is safe for
// concurrent use.
type Pair struct {
	cert, key string // paths
	log       *slog.Logger

	// Guarded by mu.
	mu     sync.Mutex
	loaded *tls.Certificate
	from   content // content of the files from which loaded was made
	looked time.Time
	logged string // the last error about the files that was logged
}

// content is the content of both files.
type content struct{ cert, key []byte }

func (c content) equal(other content) bool {
	return bytes.Equal(c.cert, other.cert) && bytes.Equal(c.key, other.key)
}

// Load reads the files. The error says which of them is missing, or why they do not
// belong together. If log is nil, nothing is logged.
func Load(cert, key string, log *slog.Logger) (*Pair, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &Pair{cert: cert, key: key, log: log}
	if err := p.lookLocked(); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload reads the files now. After an error the earlier certificate stays in use.
func (p *Pair) Reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = time.Now()
	return p.lookLocked()
}

// current returns the certificate. It reads the files if it did not in the last second.
// If they cannot be read or do not belong together, for example while they are being
// replaced, the loaded certificate stays in use, and the error is logged once.
func (p *Pair) current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= lookEvery {
		p.looked = now
		p.reportLocked(p.lookLocked())
	}
	return p.loaded
}

// Offer returns the certificate for a server that asks its client for one. It implements
// tls.Config.GetClientCertificate.
func (p *Pair) Offer(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.current(), nil }

// lookLocked loads the certificate if its files have changed.
func (p *Pair) lookLocked() error {
	var now content
	var err error
	if now.cert, err = os.ReadFile(p.cert); err != nil {
		return err
	}
	if now.key, err = os.ReadFile(p.key); err != nil {
		return err
	}
	if p.loaded != nil && now.equal(p.from) {
		return nil
	}
	made, err := tls.X509KeyPair(now.cert, now.key)
	if err != nil {
		return err
	}
	if p.loaded != nil {
		p.log.Info("certificate was renewed", "file", p.cert)
	}
	p.loaded, p.from = &made, now
	return nil
}

func (p *Pair) reportLocked(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != p.logged {
		p.log.Warn("certificate cannot be renewed, the old one is served", "file", p.cert, "err", err)
	}
	p.logged = text
}

package tlsfile

import (
	"crypto/tls"
	"log/slog"
)

// Pair is a certificate and its key, each in a file. It is read again when the content of
// the files changes, so that renewing it needs no restart. It is safe for concurrent use.
type Pair struct {
	*watched
	loaded *tls.Certificate // guarded by mu
}

// Load reads the files. The error says which of them is missing, or why they do not
// belong together. If log is nil, nothing is logged.
func Load(cert, key string, log *slog.Logger) (*Pair, error) {
	p := new(Pair)
	var err error
	p.watched, err = newWatched("certificate", []string{cert, key}, func(contents [][]byte) error {
		made, err := tls.X509KeyPair(contents[0], contents[1])
		if err == nil {
			p.loaded = &made
		}
		return err
	}, log)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// current returns the certificate. If it did not read the files in the last second, it
// reads them again.
func (p *Pair) current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.freshLocked()
	return p.loaded
}

// Offer returns the certificate for a server that requests one from its client. It
// implements tls.Config.GetClientCertificate.
func (p *Pair) Offer(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.current(), nil }

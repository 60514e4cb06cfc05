package tlsfile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// writePair writes a certificate with a serial number and its key, with one time for
// all of them, as reproducible images have it.
func writePair(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: b}))
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
}

func TestRenewedCertificateIsServedWhateverItsTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		writePair(t, cert, key, 1)
		var log bytes.Buffer
		p, err := Load(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		served := func() int64 {
			time.Sleep(lookEvery)
			got, err := p.Server().GetCertificate(&tls.ClientHelloInfo{})
			if err != nil {
				t.Fatal(err)
			}
			return got.Leaf.SerialNumber.Int64()
		}
		if n := served(); n != 1 {
			t.Errorf("number %d is served, want 1", n)
		}
		writePair(t, cert, key, 2)
		if n := served(); n != 2 {
			t.Errorf("number %d is served, want the new one", n)
		}
		writePair(t, cert, filepath.Join(dir, "other.pem"), 3) // its key comes later
		for range 3 {
			if n := served(); n != 2 {
				t.Errorf("number %d is served without its key", n)
			}
		}
		if n := strings.Count(log.String(), "cannot be renewed"); n != 1 {
			t.Errorf("told %d times: %s", n, &log)
		}
		late, err := os.ReadFile(filepath.Join(dir, "other.pem"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, key, late)
		if n := served(); n != 3 {
			t.Errorf("number %d is served, want 3", n)
		}
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		if n := served(); n != 3 || strings.Count(log.String(), "cannot be renewed") != 2 {
			t.Errorf("number %d is served without a key file: %s", n, &log)
		}
	})
}

func TestReloadReadsTheFilesAtOnce(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, cert, key, 1)
	p, err := Load(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	served := func() int64 { return p.current().Leaf.SerialNumber.Int64() }
	served() // and so the files are not looked at for a second
	writePair(t, cert, key, 2)
	if err := p.Reload(); err != nil || served() != 2 {
		t.Errorf("number %d is served: %v", served(), err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(); err == nil || served() != 2 {
		t.Errorf("number %d is served without a key file: %v", served(), err)
	}
}

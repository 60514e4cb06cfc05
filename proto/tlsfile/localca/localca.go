// Package localca makes certificates for processes on one machine. It makes an authority
// for one run, which signs the certificates. It is for tests, and for the clusters that
// cim up and cim verify start. It is not for servers that strangers reach, because its
// keys are never renewed.
package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// life is how long certificates are valid. They are valid from an hour before they were
// made.
const life = 30 * 24 * time.Hour

// CA is an authority with its certificate in a file. Its key is only in memory.
type CA struct {
	File string // path of its certificate, for processes that have to trust it

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority whose files are in the folder dir, which must exist.
func New(dir string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key of an authority: %w", err)
	}
	template := template("CIM authority of this machine")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate of an authority: %w", err)
	}
	ca := &CA{File: filepath.Join(dir, "ca.pem"), dir: dir, key: key}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("read certificate of an authority: %w", err)
	}
	return ca, writePEM(ca.File, "CERTIFICATE", der)
}

// Issue makes a certificate for names, which may be IP addresses, and a key. It writes
// them to the files NAME.pem and NAME.key in the authority's folder, where NAME is
// name, and replaces files that exist. The certificate is valid for a server and for a
// client.
func (ca *CA) Issue(name string, names ...string) (cert, key string, err error) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make key of %s: %w", name, err)
	}
	template := template(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, secret.Public(), ca.key)
	if err != nil {
		return "", "", fmt.Errorf("make certificate of %s: %w", name, err)
	}
	encoded, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		return "", "", fmt.Errorf("encode key of %s: %w", name, err)
	}
	cert, key = filepath.Join(ca.dir, name+".pem"), filepath.Join(ca.dir, name+".key")
	if err := writePEM(cert, "CERTIFICATE", der); err != nil {
		return "", "", err
	}
	return cert, key, writePEM(key, "EC PRIVATE KEY", encoded)
}

func template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
	}
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

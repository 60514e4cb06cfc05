package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/identity/jwt"
)

// The tokens of cim token have these claims, and the routes of cim up -auth jwt expect
// them.
const (
	hostIssuer   = "cim up"
	hostAudience = "cim"
	hostLife     = time.Hour
)

// host plays the other system, which knows the users and signs their tokens. It is for
// cim up -auth jwt and cim token. It has one key for all runs, in the user's data folder.
type host struct {
	private, public string // files
	signer          *jwt.Signer
}

// newHost returns the host of this machine. It makes the key if there is none.
func newHost() (*host, error) {
	dir, err := dataDir()
	if err != nil {
		return nil, err
	}
	h := &host{private: filepath.Join(dir, "jwt.key"), public: filepath.Join(dir, "jwt.pem")}
	if err := h.makeKey(); err != nil {
		return nil, fmt.Errorf("make a key for tokens: %w", err)
	}
	text, err := os.ReadFile(h.private)
	if err != nil {
		return nil, fmt.Errorf("read the key of tokens: %w", err)
	}
	h.signer, err = jwt.NewSigner(text)
	return h, err
}

// makeKey writes both files. It writes the private file last, because a private file must
// mean that both exist.
func (h *host) makeKey() error {
	if _, err := os.Stat(h.private); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(h.private), 0o700); err != nil {
		return err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := writePEM(h.public, "PUBLIC KEY", open); err != nil {
		return err
	}
	return writePEM(h.private, "PRIVATE KEY", secret)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// The method of returns a function that makes tokens for a name.
func (h *host) of(name string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		return sign(h.signer, jwt.Claims{Issuer: hostIssuer, Audience: hostAudience, Subject: name}, hostLife)
	}
}

// usersOf returns the host for a cluster that will start, and adds the host's key to the
// flags of the routes. If the mode needs no host, it returns nil.
func usersOf(c *up.Config) (*host, error) {
	if c.Auth != "jwt" {
		return nil, nil
	}
	h, err := newHost()
	if err != nil {
		return nil, err
	}
	c.RouteFlags = append(c.RouteFlags, "-jwt-issuer", hostIssuer, "-jwt-audience", hostAudience, "-jwt-key", "file:"+h.public)
	return h, nil
}

func sign(signer *jwt.Signer, c jwt.Claims, life time.Duration) (string, error) {
	c.Issued = time.Now()
	c.Expires = c.Issued.Add(life)
	return signer.Sign(c)
}

// runToken is `cim token NAME`. It prints a token for a user, as the system that knows
// the users would sign it.
func runToken(_ context.Context, args []string, stderr io.Writer) error {
	set := flag.NewFlagSet("cim token", flag.ContinueOnError)
	set.SetOutput(stderr)
	var c jwt.Claims
	set.StringVar(&c.Issuer, "jwt-issuer", hostIssuer, "the `system` that the token says it comes from")
	set.StringVar(&c.Audience, "jwt-audience", hostAudience, "the `cluster` that it is for")
	key := set.String("signing-key", "", "`secret` that signs it (or file:PATH or secretsmanager:ARN): a private key in PEM, or a secret\nof at least 32 bytes; empty: the key that cim up -auth jwt has made")
	life := set.Duration("life", hostLife, "`time` for which it can be used to log in")
	devices := set.String("devices", "", "`names` of the devices that it is for, with commas between; empty: all")
	set.StringVar(&c.Role, "role", "", "`role` in the system that the login gives: user, moderator or operator; empty: it changes none")
	words, err := process.ParseWords(set, "NAME", args)
	if err != nil {
		return err
	}
	if len(words) != 1 || *life <= 0 {
		return fmt.Errorf("%w: want cim token NAME, and a -life of more than 0", process.ErrUsage)
	}
	c.Subject = words[0]
	if *devices != "" {
		c.Devices = strings.Split(*devices, ",")
	}
	signer, err := signerOf(*key)
	if err != nil {
		return err
	}
	token, err := sign(signer, c, *life)
	if err != nil {
		return err
	}
	_, err = fmt.Println(token)
	return err
}

// signerOf returns the signer with a key. The parameter key has the form of a flag.
func signerOf(key string) (*jwt.Signer, error) {
	if key == "" {
		h, err := newHost()
		if err != nil {
			return nil, err
		}
		return h.signer, nil
	}
	text, err := process.Secret("signing-key", key)
	if err != nil {
		return nil, err
	}
	signer, err := jwt.NewSigner(text)
	if err != nil {
		return nil, fmt.Errorf("%w: -signing-key: %w", process.ErrUsage, err)
	}
	return signer, nil
}

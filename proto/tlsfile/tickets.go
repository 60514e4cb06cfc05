package tlsfile

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// ticketLife is how long tickets are sealed with the same key. After that, a server still
// accepts them for as long. Somebody who finds a key later can read the TLS 1.2 sessions
// of that time. A key opens no session of TLS 1.3, because there a ticket does not
// replace the exchange of keys.
const ticketLife = 12 * time.Hour

// ShareTickets makes servers with the configuration c resume the sessions of all
// servers that have one of the secrets. The keys of tickets are derived from the
// secrets and the time, and change every 12 hours. New tickets are sealed under the
// first secret. The function secrets is called for each handshake, and must not block.
// While it returns no secrets, c resumes only its own sessions. ShareTickets replaces
// c.GetConfigForClient.
func ShareTickets(c *tls.Config, secrets func() [][]byte) {
	t := &tickets{config: c}
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		t.renew(secrets(), time.Now())
		return nil, nil // which stands for c
	}
}

type tickets struct {
	config *tls.Config

	// Guarded by mu.
	mu      sync.Mutex
	secrets [][]byte // of the keys that config has
	period  int64
}

// renew gives the configuration the keys of now, unless it has them.
func (t *tickets) renew(secrets [][]byte, now time.Time) {
	period := now.Unix() / int64(ticketLife/time.Second)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(secrets) == 0 || period == t.period && slices.EqualFunc(secrets, t.secrets, bytes.Equal) {
		return
	}
	t.config.SetSessionTicketKeys(ticketKeys(secrets, period))
	t.secrets, t.period = secrets, period
}

// ticketKeys returns the key that seals tickets, and then all others that open them. The
// next period counts, too, because clocks differ.
func ticketKeys(secrets [][]byte, period int64) (keys [][32]byte) {
	for _, p := range []int64{period, period - 1, period + 1} {
		for _, secret := range secrets {
			info := binary.BigEndian.AppendUint64([]byte("cim session tickets "), uint64(p))
			key, err := hkdf.Expand(sha256.New, secret, string(info), 32)
			if err != nil {
				panic("tlsfile: derive key: " + err.Error()) // only a length above 255 hashes can fail
			}
			keys = append(keys, [32]byte(key))
		}
	}
	return keys
}

package records

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// half is one direction of TLS 1.3 with TLS_AES_128_GCM_SHA256 (RFC 8446, sections 5.2,
// 5.3 and 7.2). Go's client cannot change its keys.
type half struct {
	secret []byte
	seq    uint64
}

func (h *half) derive(label string, n int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(append(info, byte(len(label))), label...), 0)
	b, err := hkdf.Expand(sha256.New, h.secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return b
}

// update changes the keys.
func (h *half) update() { h.secret, h.seq = h.derive("traffic upd", sha256.Size), 0 }

func (h *half) aead() (aead cipher.AEAD, nonce []byte) {
	block, err := aes.NewCipher(h.derive("key", 16))
	if err != nil {
		panic(err)
	}
	if aead, err = cipher.NewGCM(block); err != nil {
		panic(err)
	}
	nonce = h.derive("iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, h.seq) {
		nonce[4+i] ^= b
	}
	h.seq++
	return aead, nonce
}

func (h *half) seal(kind byte, content ...byte) []byte {
	aead, nonce := h.aead()
	head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(content)+1+aead.Overhead()))
	return aead.Seal(bytes.Clone(head), nonce, append(content, kind), head)
}

func (h *half) open(record []byte) (kind byte, content []byte, err error) {
	aead, nonce := h.aead()
	b, err := aead.Open(nil, nonce, record[headSize:], record[:headSize])
	if err != nil {
		return 0, nil, err
	}
	return b[len(b)-1], b[:len(b)-1], nil
}

const (
	kindHandshake = 22
	kindData      = 23
)

// updated returns a connection with Go's client, and both directions as the client has
// them, which goes on without Go.
func updated(t *testing.T) (w *world, send, receive *half) {
	server, client := configs()
	client = client.Clone()
	var log strings.Builder
	client.KeyLogWriter = &log
	server = server.Clone()
	server.SessionTicketsDisabled = true // no records before the first one of the test
	w = shake(t, server, client)
	if suite := w.client.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the suite is %s", tls.CipherSuiteName(suite))
	}
	secrets := map[string][]byte{}
	for entry := range strings.Lines(log.String()) {
		var label, random, secret string
		if _, err := fmt.Sscan(entry, &label, &random, &secret); err != nil {
			t.Fatal(err)
		}
		secrets[label], _ = hex.DecodeString(secret)
	}
	return w, &half{secret: secrets["CLIENT_TRAFFIC_SECRET_0"]}, &half{secret: secrets["SERVER_TRAFFIC_SECRET_0"]}
}

func TestKeysAreChangedOnRequest(t *testing.T) {
	w, send, receive := updated(t)
	for _, ask := range []byte{1, 0, 1} {
		text := fmt.Sprintf("the peer asks: %d", ask)
		b := send.seal(kindHandshake, 24, 0, 0, 1, ask)
		send.update()
		b = append(b, send.seal(kindData, []byte(text)...)...)
		if got, err := w.open(b, 7, len(b)-3); got != text || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		if err := w.conn.Seal([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		sealed := bytes.Clone(w.socket.sealed.Bytes())
		w.socket.sealed.Reset()
		if ask == 1 {
			var c cut
			n := c.next(sealed)
			if kind, content, err := receive.open(sealed[:n]); err != nil || kind != kindHandshake || content[0] != 24 {
				t.Fatalf("the answer is %d %v, %v", kind, content, err)
			}
			receive.update()
			sealed = sealed[n:]
		}
		if kind, content, err := receive.open(sealed); err != nil || kind != kindData || string(content) != "answer" {
			t.Fatalf("then came %d %q, %v", kind, content, err)
		}
	}
}

// A message of the handshake may come in two records.
func TestKeyUpdateInTwoRecords(t *testing.T) {
	w, send, _ := updated(t)
	b := append(send.seal(kindHandshake, 24, 0), send.seal(kindHandshake, 0, 1, 0)...)
	send.update()
	b = append(b, send.seal(kindData, 'x')...)
	var all []int
	for i := range b {
		all = append(all, i)
	}
	if got, err := w.open(b, all...); got != "x" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

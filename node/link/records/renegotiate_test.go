package records

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
)

// expand is the function P_SHA256 of TLS 1.2 (RFC 5246, section 5).
func expand(secret, seed []byte, n int) (out []byte) {
	sum := func(b ...byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(b)
		return h.Sum(nil)
	}
	for a := sum(seed...); len(out) < n; a = sum(a...) {
		out = append(out, sum(append(slices.Clone(a), seed...)...)...)
	}
	return out[:n]
}

// sealOld returns a record of TLS 1.2 with AES-128-GCM (RFC 5288) as the client would seal
// it after its handshake. Go's client can seal none of a handshake then.
func sealOld(t *testing.T, w *world, keys string, kind byte, content []byte) []byte {
	t.Helper()
	var label, random, secret string
	if _, err := fmt.Sscan(keys, &label, &random, &secret); err != nil || label != "CLIENT_RANDOM" {
		t.Fatalf("%q: %v", keys, err)
	}
	master, _ := hex.DecodeString(secret)
	client, _ := hex.DecodeString(random)
	server := w.socket.first[headSize+4+2:][:32] // after the heads of record and message, and the version
	block := expand(master, slices.Concat([]byte("key expansion"), server, client), 2*16+2*4)
	cut, err := aes.NewCipher(block[:16])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(cut)
	if err != nil {
		t.Fatal(err)
	}
	sequence := binary.BigEndian.AppendUint64(nil, 1) // the message that ended the handshake was the first
	with := binary.BigEndian.AppendUint16(append(slices.Clone(sequence), kind, 3, 3), uint16(len(content)))
	b := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(sequence)+len(content)+aead.Overhead()))
	return aead.Seal(append(b, sequence...), append(slices.Clone(block[32:36]), sequence...), content, with)
}

// A client that begins another handshake on its connection is refused with an alert.
func TestRenegotiationIsRefused(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, kind byte) (w *world, record []byte){
		"TLS 1.2": func(t *testing.T, kind byte) (*world, []byte) {
			server, client := configs()
			client = client.Clone()
			var keys strings.Builder
			client.KeyLogWriter, client.MaxVersion = &keys, tls.VersionTLS12
			client.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
			w := shake(t, server, client)
			return w, sealOld(t, w, keys.String(), kind, w.hello)
		},
		"TLS 1.3": func(t *testing.T, kind byte) (*world, []byte) {
			w, send, _ := updated(t)
			return w, send.seal(kind, w.hello...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, record := begin(t, kindData) // the record is one that TLS accepts
			if got, err := w.open(record); got != string(w.hello) || err != nil {
				t.Fatalf("got %q, %v", got, err)
			}
			w, record = begin(t, kindHandshake)
			if got, err := w.open(record); got != "" || !errors.Is(err, ErrRefused) {
				t.Errorf("got %q, %v", got, err)
			}
			_, _ = w.socket.Write(w.socket.sealed.Bytes())
			var alert *net.OpError
			if _, err := w.client.Read(make([]byte, 1)); !errors.As(err, &alert) || alert.Op != "remote error" {
				t.Errorf("the client got %v", err)
			}
		})
	}
}

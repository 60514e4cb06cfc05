package secretsmanager

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

type credentials struct {
	id, secret string
	token      string // the token of temporary credentials; otherwise empty
}

// sign signs a request for "/" without a query by AWS Signature Version 4. It signs all
// headers that the request has.
func sign(r *http.Request, body []byte, keys credentials, region, service string, now time.Time) {
	at := now.UTC().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", at)
	if keys.token != "" {
		r.Header.Set("X-Amz-Security-Token", keys.token)
	}
	headers := []string{"host:" + r.URL.Host}
	for name, values := range r.Header {
		headers = append(headers, strings.ToLower(name)+":"+values[0])
	}
	slices.Sort(headers)
	names := make([]string, len(headers))
	for i, h := range headers {
		names[i], _, _ = strings.Cut(h, ":")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{r.Method, "/", "", strings.Join(headers, "\n"), "", signed, digest(body)}, "\n")

	scope := strings.Join([]string{at[:8], region, service, "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", at, scope, digest([]byte(canonical))}, "\n")
	key := []byte("AWS4" + keys.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+keys.id+"/"+scope+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(mac(key, text)))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

package ring

import "encoding/hex"

// ServiceToken returns the bearer token of requests between nodes and routes. It is
// hexadecimal and derived from the cluster key. Without a key, all processes listen on
// loopback only, and the token is a constant without any protection.
func ServiceToken(cluster []byte) string {
	if len(cluster) == 0 {
		return "loopback"
	}
	return hex.EncodeToString(DeriveKey(cluster, "service"))
}

// ServiceTokens returns the service tokens. The result send is the token of the primary
// key. The result accept has the tokens of the other keys.
func (k *Keys) ServiceTokens() (send string, accept []string) {
	derived := k.Derive("service")
	if len(derived) == 0 {
		return ServiceToken(nil), nil
	}
	for _, key := range derived[1:] {
		accept = append(accept, hex.EncodeToString(key))
	}
	return hex.EncodeToString(derived[0]), accept
}

package tlsfile

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Curves are the ways to exchange keys that a server takes, as a flag: names with commas
// between them. Their order does not matter. Empty: those of Go.
type Curves []tls.CurveID

var curveNames = map[string]tls.CurveID{
	"X25519MLKEM768": tls.X25519MLKEM768, "X25519": tls.X25519,
	"P256": tls.CurveP256, "P384": tls.CurveP384, "P521": tls.CurveP521,
}

// String implements flag.Value.
func (c *Curves) String() string {
	var names []string
	for _, id := range *c {
		for name, known := range curveNames {
			if id == known {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ",")
}

// Set implements flag.Value.
func (c *Curves) Set(value string) error {
	*c = nil
	for name := range strings.SplitSeq(value, ",") {
		id, ok := curveNames[strings.TrimSpace(name)]
		if !ok {
			return fmt.Errorf("%q: want X25519MLKEM768, X25519, P256, P384 or P521", name)
		}
		if !slices.Contains(*c, id) {
			*c = append(*c, id)
		}
	}
	return nil
}

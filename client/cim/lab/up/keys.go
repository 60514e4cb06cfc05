package up

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cim-go/cim/proto/cert"
)

// keyLife is how long the certificates of a cluster are valid. No test runs longer.
const keyLife = 30 * 24 * time.Hour

// maxWeight is the largest weight with which a node of a cluster may join.
const maxWeight = 16

// makeOperator makes two things. One is the operator's key, which stays in this process.
// The other is an identity that all routes share.
func (c *Cluster) makeOperator() error {
	if !c.config.Keys {
		return nil
	}
	var err error
	if c.operator, err = cert.NewOperator(); err != nil {
		return err
	}
	if _, err := c.identify(cert.Route, "route"); err != nil {
		return err
	}
	_, err = c.identify(cert.Operator, "operator")
	return err
}

// identify returns the file with the identity of a process. It makes the file if there is
// none.
func (c *Cluster) identify(role cert.Role, id string) (path string, err error) {
	path = c.identityFile(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.identified[id] { // a file of an earlier run is not used
		return path, nil
	}
	of := cert.Certificate{Role: role, ID: id, NotAfter: time.Now().Add(keyLife)}
	if role == cert.Node {
		of.Weight = maxWeight
	}
	identity, err := cert.NewIdentity(of, c.operator)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, identity.PEM(), 0o600); err != nil {
		return "", fmt.Errorf("leave identity of %s: %w", id, err)
	}
	c.identified[id] = true
	return path, nil
}

func (c *Cluster) identityFile(id string) string { return filepath.Join(c.dir, id+".pem") }

// OperatorIdentity returns the file by which cim drain proves itself, or nothing without
// Config.Keys.
func (c *Cluster) OperatorIdentity() string {
	if c.operator == nil {
		return ""
	}
	return c.identityFile("operator")
}

// Identify returns the file with the identity of a further node, and makes it if there is
// none. It needs Config.Keys.
func (c *Cluster) Identify(node string) (path string, err error) {
	return c.identify(cert.Node, node)
}

// identityFlags returns the flags for the identity of a process. The parameter flag is
// the name of the flag that has the identity's file.
func (c *Cluster) identityFlags(flag, id string) []string {
	if c.operator == nil {
		return nil
	}
	return []string{flag, c.identityFile(id)}
}

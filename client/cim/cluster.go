package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/process"
)

const clusterUsage = `Usage: cim cluster init                 make the operator's key, a cluster key and a route key
       cim cluster add-node NODE        make a node's key and certificate
       cim cluster add-route ROUTE      make a route's key and certificate
       cim cluster add-operator NAME    make a key and a certificate for cim drain
Each takes -dir, the folder of the keys; -h after a command lists its flags.
`

// The names of the files in a folder of keys. The operator keeps operatorFile, and gives
// the other files to the programs.
const (
	operatorFile = "operator.key"
	clusterFile  = "cluster.key"
	routeFile    = "route.key"
)

// runCluster is `cim cluster`. It makes the keys of a cluster, in files.
func runCluster(_ context.Context, args []string, stderr io.Writer) error {
	if len(args) == 0 || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		fmt.Fprint(stderr, clusterUsage)
		return flag.ErrHelp
	}
	roles := map[string]cert.Role{"add-node": cert.Node, "add-route": cert.Route, "add-operator": cert.Operator}
	role, adds := roles[args[0]]
	switch {
	case adds:
		return addProcess("cim cluster "+args[0], role, args[1:], stderr)
	case args[0] == "init":
		return initCluster(args[1:], stderr)
	}
	return fmt.Errorf("%w: there is no cim cluster %q; want init, add-node, add-route or add-operator", process.ErrUsage, args[0])
}

// keysDir registers the flag of the folder of keys.
func keysDir(fs *flag.FlagSet) *string {
	return fs.String("dir", "cim-keys", "`folder` of the keys")
}

func initCluster(args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim cluster init", flag.ContinueOnError)
	fs.SetOutput(stderr)
	dir := keysDir(fs)
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of keys: %w", err)
	}
	key, err := cert.NewOperator()
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(*dir, operatorFile), cert.OperatorPEM(key)); err != nil {
		return err
	}
	for _, name := range []string{clusterFile, routeFile} {
		secret := make([]byte, 32)
		rand.Read(secret) // never fails
		if err := writeNew(filepath.Join(*dir, name), []byte(hex.EncodeToString(secret)+"\n")); err != nil {
			return err
		}
	}
	fmt.Printf("%s  signs certificates; keep it offline, no process needs it\n", filepath.Join(*dir, operatorFile))
	fmt.Printf("%s   for each node and route: -cluster-key file:PATH\n", filepath.Join(*dir, clusterFile))
	fmt.Printf("%s     for each route: -route-key file:PATH\n", filepath.Join(*dir, routeFile))
	return nil
}

func addProcess(name string, role cert.Role, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	dir := keysDir(fs)
	days := fs.Int("days", 365, "`days` for which the certificate is valid")
	var weight int
	if role == cert.Node {
		fs.IntVar(&weight, "max-weight", 1, "largest `weight` with which the node may join")
	}
	words, err := process.ParseWords(fs, "ID", args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return fmt.Errorf("%w: want %s ID", process.ErrUsage, name)
	}
	if *days < 1 {
		return fmt.Errorf("%w: -days %d: want more than 0", process.ErrUsage, *days)
	}
	text, err := os.ReadFile(filepath.Join(*dir, operatorFile))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the operator's key: %w; cim cluster init makes one", err)
	}
	if err != nil {
		return fmt.Errorf("read the operator's key: %w", err)
	}
	operator, err := cert.ParseOperator(text)
	if err != nil {
		return fmt.Errorf("read the operator's key: %w", err)
	}
	end := time.Now().AddDate(0, 0, *days)
	identity, err := cert.NewIdentity(cert.Certificate{Role: role, ID: words[0], Weight: weight, NotAfter: end}, operator)
	if err != nil {
		return fmt.Errorf("%w: %w", process.ErrUsage, err)
	}
	path := filepath.Join(*dir, words[0]+".pem")
	if err := writeNew(path, identity.PEM()); err != nil {
		return err
	}
	fmt.Printf("%s  until %s, for the %v %s alone: -identity PATH\n", path, end.UTC().Format(time.DateOnly), role, words[0])
	return nil
}

// writeNew writes a secret to a new file. It returns an error if the file exists.
func writeNew(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; move it away to make another one", path)
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	defer func() {
		if closed := f.Close(); err == nil && closed != nil {
			err = fmt.Errorf("write key: %w", closed)
		}
	}()
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

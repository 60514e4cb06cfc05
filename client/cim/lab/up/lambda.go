package up

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/faas"
)

// One of killEvery invocations ends its instance, so that a demonstration has a few such
// ends.
const killEvery = 40

// functions has the routes of a cluster whose route is a function. There is one function,
// with an HTTP front end at the address of each route.
type functions struct {
	function *faas.Function
	log      *os.File
	servers  []*http.Server
	serving  sync.WaitGroup
}

// makeKey makes the cluster key, if a function or the encryption of gossip needs one. It
// puts the key into a file for all processes of the cluster.
func (c *Cluster) makeKey() error {
	if c.config.Route != RouteLambda && c.config.CA == nil && !c.config.Keys {
		return nil
	}
	path := filepath.Join(c.dir, "cluster.key")
	if err := os.WriteFile(path, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return fmt.Errorf("leave cluster key: %w", err)
	}
	c.key = "file:" + path
	return nil
}

// startFunctions starts the fronts. Instances start with requests.
func (c *Cluster) startFunctions() error {
	log, err := os.OpenFile(filepath.Join(c.dir, "route.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log of the function: %w", err)
	}
	f := &functions{log: log}
	c.closers = append(c.closers, f.stop)
	f.function, err = faas.New(faas.Config{
		Command: c.routeCommand(""), Log: log, Most: 50, KillEvery: killEvery,
	})
	if err != nil {
		return err
	}
	for _, address := range c.routeAt {
		if err := f.serve(address); err != nil {
			return err
		}
	}
	c.functions = f
	return nil
}

func (f *functions) serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for the function: %w", err)
	}
	server := &http.Server{Handler: &faas.Front{Function: f.function, Shape: faas.Shapes[0]}, ReadHeaderTimeout: 5 * time.Second}
	f.servers = append(f.servers, server)
	f.serving.Go(func() { _ = server.Serve(listener) }) // stop ends the server
	return nil
}

func (f *functions) stop() {
	for _, s := range f.servers {
		s.Close()
	}
	f.serving.Wait()
	if f.function != nil {
		f.function.Close()
	}
	f.log.Close()
}

// Functions returns the figures of the instances, if the route is a function. Otherwise
// it returns nil.
func (c *Cluster) Functions() *faas.Stats {
	if c.functions == nil {
		return nil
	}
	stats := c.functions.function.Stats()
	return &stats
}

// If the route is a function, SpareFunctions ends the killing of its instances.
func (c *Cluster) SpareFunctions() {
	if c.functions != nil {
		c.functions.function.Spare()
	}
}

// ClusterKey returns the cluster key in the form of the flags. It returns an empty text
// if there is none, because everything listens on loopback.
func (c *Cluster) ClusterKey() string { return c.key }

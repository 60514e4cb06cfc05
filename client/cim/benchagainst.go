package main

import (
	"flag"
	"fmt"
	"strings"

	"github.com/cim-go/cim/client/cim/lab/bench"
	"github.com/cim-go/cim/proto/process"
)

// remote names a running cluster that `cim bench` measures instead of one of its own.
type remote struct {
	routes   []string
	password string
	trust    trust
}

func (r *remote) register(fs *flag.FlagSet) {
	fs.Func("against", "`URL` of a route of a cluster that runs elsewhere; as -route, but without the limit of this machine beside it.\nMay be given several times", func(s string) error {
		r.routes = append(r.routes, strings.TrimSuffix(s, "/"))
		return nil
	})
	fs.StringVar(&r.password, "password", "", "`password` of the accounts bench-000000 and so on (or file:PATH), in a running system with passwords;\nempty: one that everybody can read in the source")
	r.trust.register(fs)
}

// apply sets the fields of c for such a cluster. If the parameter choose is true, the user
// has named no load, so it also chooses the loads.
func (r *remote) apply(c *bench.Config, choose bool) (err error) {
	if len(r.routes) > 0 && len(c.Routes) > 0 {
		return fmt.Errorf("%w: -route and -against exclude each other", process.ErrUsage)
	}
	if c.Password, err = secretOf(r.password); err != nil {
		return err
	}
	if c.HTTP, err = r.trust.client(); err != nil {
		return err
	}
	if len(r.routes) == 0 {
		return nil
	}
	c.Routes, c.Elsewhere = r.routes, true
	if choose {
		c.Loads = bench.Remote
	}
	return nil
}

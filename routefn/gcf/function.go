// Package gcf is the route for Google Cloud Functions. That platform builds a function
// from the source of a package that registers a handler. This package is a module of its
// own, so that nothing else depends on Google's framework.
//
// Environment variables configure the route, such as CIM_REDIS, CIM_RING and
// CIM_CLUSTER_KEY. The command cim-route -h lists them. The name of the function is Route.
package gcf

import (
	"fmt"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/cim-go/cim/routefn/cim-route/routeserver"
)

func init() {
	route, err := routeserver.Function(nil, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cim-route:", err) // the environment has an invalid value
		os.Exit(2)
	}
	functions.HTTP("Route", route.ServeHTTP)
}

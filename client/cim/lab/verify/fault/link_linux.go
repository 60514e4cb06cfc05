package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// linkName is the name of the link's device. There is one in the run's own network.
const linkName = "cim-lossy"

// openLink makes a TUN device in the run's own network. Packets that linkTable routes into
// it are read from it, and packets that are written to it arrive in this network. The
// device ends when its file is closed, and its routes end with it. The end of a killed
// process also closes the file.
//
// All servers of a run listen at 127.0.0.1. The kernel drops packets of this address
// from a device unless the device allows them (route_localnet, accept_local). With
// these settings no second network is needed, and any node or route can be moved to the
// link and back while it runs.
func openLink(ctx context.Context) (io.ReadWriteCloser, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	device, err := setUpLink(ctx, fd)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return device, nil
}

func setUpLink(ctx context.Context, fd int) (io.ReadWriteCloser, error) {
	request, err := unix.NewIfreq(linkName)
	if err != nil {
		return nil, fmt.Errorf("name a link: %w", err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, fmt.Errorf("make a link: %w", err)
	}
	for _, leave := range []string{"route_localnet", "accept_local"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+linkName+"/"+leave, []byte("1"), 0); err != nil {
			return nil, fmt.Errorf("let the link have local addresses: %w", err)
		}
	}
	for _, command := range []string{
		"link set dev " + linkName + " up mtu " + strconv.Itoa(linkMTU),
		"route add default dev " + linkName + " src 127.0.0.1 table " + linkTable,
	} {
		if err := ip(ctx, strings.Fields(command)...); err != nil {
			return nil, err
		}
	}
	return os.NewFile(uintptr(fd), linkName), nil
}

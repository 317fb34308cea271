package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// CheckListen says what is wrong with an iSCSI address for this suite: an
// address that others can reach without CHAP and without a list of who may log
// in is refused, unless the configuration says it a second time.
func CheckListen(address string, s *Suite) error {
	public, err := public(address)
	if err != nil {
		return err
	}
	if !public || s.ISCSI.AllowPublic || s.ISCSI.CHAP || restricted(s) {
		return nil
	}
	return fmt.Errorf("%s can be reached from other hosts, and everybody could log in: set iscsi: chap, or list "+
		"iscsi: initiators or addresses, or say allow-public-without-authentication: true under iscsi", address)
}

// announce checks the address that initiators are told.
func (c *checker) announce() {
	if c.suite.Announce == "" {
		return
	}
	host, port, err := net.SplitHostPort(c.suite.Announce)
	n, nerr := strconv.ParseUint(port, 10, 16)
	if err != nil || nerr != nil || n == 0 || !announceable(host) {
		c.report(path{"announce"}, "the address %q is no HOST:PORT that an initiator can connect to", c.suite.Announce)
	}
}

// announceable tells whether a TargetAddress may have this host (RFC 7143 13.8).
func announceable(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.IsUnspecified() && ip.Zone() == ""
	}
	return host != "" && len(host) <= 253 && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// Announced is the address that initiators are told; ok is false for the one
// that they are connected to.
func (s *Suite) Announced() (host string, port uint16, ok bool) {
	host, text, err := net.SplitHostPort(s.Announce)
	n, nerr := strconv.ParseUint(text, 10, 16)
	return host, uint16(n), err == nil && nerr == nil
}

// public tells whether other hosts can reach an address to listen on, HOST:PORT.
func public(address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("the address %q is not HOST:PORT, such as 127.0.0.1:3260 or [::1]:3260", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return false, fmt.Errorf("the address %q has no port from 1 to 65535", address)
	}
	switch host {
	case "localhost":
		return false, nil
	case "":
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false, fmt.Errorf("the address %q does not begin with an IP address", address)
	}
	return !ip.IsLoopback(), nil
}

// restricted tells whether every device has a list of who may log in.
func restricted(s *Suite) bool {
	has := func(a Access) bool { return len(a.Initiators)+len(a.Addresses) > 0 }
	if len(s.ISCSI.Initiators)+len(s.ISCSI.Addresses) > 0 {
		return true
	}
	for _, l := range s.Libraries {
		if !has(l.Access) {
			return false
		}
		for _, d := range l.Drives {
			if !has(d.Access) {
				return false
			}
		}
		for _, o := range l.Optical {
			if !has(o.Access) {
				return false
			}
		}
	}
	for _, d := range s.Drives {
		if !has(d.Access) {
			return false
		}
	}
	for _, o := range s.Optical {
		if !has(o.Access) {
			return false
		}
	}
	return true
}

// checkInitiator says what is wrong with an iSCSI name in a list of initiators.
// An asterisk at its end stands for any rest.
func checkInitiator(s string) error {
	name := strings.TrimSuffix(s, "*")
	if len(s) > 223 {
		return errors.New("the initiator name is longer than 223 characters")
	}
	if name == "" && s == "*" {
		return nil
	}
	for _, prefix := range []string{"iqn.", "eui.", "naa."} {
		if strings.HasPrefix(name, prefix) && !strings.ContainsAny(name, " \t\r\n*") {
			return nil
		}
	}
	return fmt.Errorf("%q is no iSCSI name: it begins with iqn., eui. or naa.", s)
}

// checkAddress says what is wrong with an address in a list: it is an IP address
// or a network such as 192.0.2.0/24.
func checkAddress(s string) error {
	if strings.Contains(s, "/") {
		if _, err := netip.ParsePrefix(s); err != nil {
			return fmt.Errorf("%q is no network such as 192.0.2.0/24", s)
		}
		return nil
	}
	if _, err := netip.ParseAddr(s); err != nil {
		return fmt.Errorf("%q is neither an IP address nor a network such as 192.0.2.0/24", s)
	}
	return nil
}

package station

import (
	"fmt"
	"net/netip"

	"govtl/internal/config"
	"govtl/iscsi"
)

// Policy makes the iSCSI access policy of a suite, narrowed by that of one device;
// the zero Access is the suite's own.
func Policy(s *config.Suite, a config.Access) (*iscsi.Policy, error) {
	p := &iscsi.Policy{Initiators: s.ISCSI.Initiators, RefuseColdReset: s.ISCSI.RefuseColdReset}
	if len(a.Initiators) > 0 {
		p.Initiators = a.Initiators
	}
	addresses := s.ISCSI.Addresses
	if len(a.Addresses) > 0 {
		addresses = a.Addresses
	}
	for _, text := range addresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			one, aerr := netip.ParseAddr(text)
			if aerr != nil {
				return nil, fmt.Errorf("addresses: %q is neither an address nor a network", text)
			}
			prefix = netip.PrefixFrom(one, one.BitLen())
		}
		p.Addresses = append(p.Addresses, prefix)
	}
	if s.ISCSI.CHAP {
		chap, err := secrets(s.ISCSI)
		if err != nil {
			return nil, err
		}
		p.CHAP = chap
	}
	return p, p.Validate()
}

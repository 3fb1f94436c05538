package main

import (
	"net/netip"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// translated are prefixes of IPv6 addresses that stand for IPv4 ones, and where in them those begin.
var translated = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4, RFC 3056
}

// localTranslated stand for IPv4 addresses in a way that only their network knows: RFC 8215.
var localTranslated = netip.MustParsePrefix("64:ff9b:1::/48")

// isPublic says whether an address leads out of the networks of this machine. One that is translated on its way
// counts as what it stands for.
func isPublic(address multiaddr.Multiaddr) bool {
	if !manet.IsPublicAddr(address) {
		return false
	}
	ip, err := manet.ToIP(address)
	if err != nil {
		return true // a name, which is looked at again once it is resolved
	}
	long, ok := netip.AddrFromSlice(ip)
	if !ok || localTranslated.Contains(long) {
		return false
	}
	for _, one := range translated {
		if one.prefix.Contains(long) {
			short := netip.AddrFrom4([4]byte(ip[one.at : one.at+4]))
			inner, err := multiaddr.NewMultiaddr("/ip4/" + short.String())
			return err == nil && manet.IsPublicAddr(inner)
		}
	}
	return true
}

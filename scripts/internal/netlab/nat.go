//go:build linux

package netlab

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// dnatBit is the bit of a connection's status that says that its destination
// was changed (IPS_DST_NAT).
const dnatBit = 1 << 5

// rules makes a machine with wan0 and lan0 a router of a kind. What comes in
// unasked is dropped, never answered.
func (h *Home) rules(router *Host, kind Kind) error {
	return router.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		family := nftables.TableFamilyIPv4
		if h.lab.IPv6 {
			family = nftables.TableFamilyIPv6
		}
		f := firewall{c, c.AddTable(&nftables.Table{Name: "lab", Family: family})}
		f.filter(kind)
		if !h.lab.IPv6 {
			f.translate(kind, h.inside(firstDevice).Addr().AsSlice())
		}
		return c.Flush()
	})
}

type firewall struct {
	c     *nftables.Conn
	table *nftables.Table
}

func (f firewall) chain(name string, typ nftables.ChainType, hook *nftables.ChainHook, at *nftables.ChainPriority) func(parts ...[]expr.Any) {
	chain := f.c.AddChain(&nftables.Chain{Name: name, Table: f.table, Type: typ, Hooknum: hook, Priority: at})
	return func(parts ...[]expr.Any) {
		var exprs []expr.Any
		for _, p := range parts {
			exprs = append(exprs, p...)
		}
		f.c.AddRule(&nftables.Rule{Table: f.table, Chain: chain, Exprs: exprs})
	}
}

// filter lets answers in and nothing else.
func (f firewall) filter(kind Kind) {
	fromWAN, known := through(expr.MetaKeyIIFNAME, "wan0"), connection(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
	accept, drop := verdict(expr.VerdictAccept), verdict(expr.VerdictDrop)

	input := f.chain("input", nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter)
	input(fromWAN, known, accept)
	if f.table.Family == nftables.TableFamilyIPv6 {
		input(icmp6(), accept) // neighbours; the Internet has none
	}
	input(fromWAN, drop)

	pass := f.chain("pass", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter)
	if kind == NoUDP {
		pass(protocol(unix.IPPROTO_UDP), drop)
	}
	pass(fromWAN, known, accept)
	pass(fromWAN, connection(expr.CtKeySTATUS, dnatBit), accept)
	pass(fromWAN, drop)
}

// translate is the NAT. The kernel keeps a port where it can, which makes one
// mapping for all destinations.
func (f firewall) translate(kind Kind, first []byte) {
	post := f.chain("post", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	post(through(expr.MetaKeyOIFNAME, "wan0"), []expr.Any{&expr.Masq{FullyRandom: kind == Sym}})
	if kind != Full {
		return
	}
	pre := f.chain("pre", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	for _, p := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		pre(through(expr.MetaKeyIIFNAME, "wan0"), protocol(p), []expr.Any{
			&expr.Immediate{Register: 1, Data: first},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1},
		})
	}
}

func through(key expr.MetaKey, link string) []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, link)
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name}}
}

func protocol(number byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}}}
}

func icmp6() []expr.Any { return protocol(unix.IPPROTO_ICMPV6) }

// connection fits a packet whose connection has one of these bits.
func connection(key expr.CtKey, bits uint32) []expr.Any {
	none := make([]byte, 4)
	return []expr.Any{
		&expr.Ct{Key: key, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, bits), Xor: none},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: none},
	}
}

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

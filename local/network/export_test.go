package network

// Within runs f on a thread that lives in a VPC.
func (n *Network) Within(id string, f func() error) error {
	v, err := n.vpc(id)
	if err != nil {
		return err
	}
	return v.ns.doApart(f)
}

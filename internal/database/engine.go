package database

// BlocksHosts reports whether the server counts connections that break off in their handshake, as a load balancer's TCP
// checks do, and in the end refuses the host they come from: the load balancer, with every consumer behind it.
//
// MySQL and MariaDB do as long as they resolve names (max_connect_errors in their manuals). Aurora MySQL does not resolve
// (skip_name_resolve is 1 and cannot be changed: Aurora guide, "Aurora MySQL configuration parameters"), and a proxy shakes
// hands itself.
func BlocksHosts(kind, engine string) bool {
	return kind != Proxy && (engine == "mysql" || engine == "mariadb")
}

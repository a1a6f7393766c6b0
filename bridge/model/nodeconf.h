/**
 * @file nodeconf.h  callbridge.yaml: how one bridge process runs
 *
 * Every setting has a default that works on one machine.
 */
#ifndef MODEL_NODECONF_H
#define MODEL_NODECONF_H

#include "bridge/base/field.h"

/** One DNS name with a fixed address */
struct nodeconf_host {
	struct le le;
	char *name;
	char *address;
};

enum nodeconf_hep { NODECONF_HEP_UDP, NODECONF_HEP_TCP };

struct nodeconf {
	char *state_dir;           /* journal, control socket; default
				      /var/lib/callbridge                   */
	struct strings customers;  /* customer files; a folder means its
				      *.yaml                                */
	char *templates;           /* folder of own templates, NULL         */

	struct {                   /* towards PBXes                         */
		char *address;     /* listen address, default 0.0.0.0 means
				      the address of the default route      */
		char *public_address;  /* for Contact and SDP behind NAT    */
		int64_t udp_port, tcp_port, tls_port;  /* 0: that transport
				      has no listener                       */
		char *certificate, *key;   /* for TLS, NULL                 */
	} sip;

	struct {                   /* towards Teams                         */
		char *address;
		char *public_address;
		int64_t port;      /* 5061                                  */
		char *certificate, *key, *ca_file;
		struct strings proxies;   /* sip, sip2, sip3.pstnhub...     */
		int64_t proxy_port;
		struct strings peer_names;    /* *.pstnhub.microsoft.com    */
		struct strings peer_ranges;   /* CIDR; empty: any           */
		bool allow_no_client_cert;
		int64_t handshakes, handshakes_source; /* strangers, 1/s    */
		uint32_t options_s;
		uint32_t demotion_s;
		struct strings failover_codes;  /* "503"                    */
		char *carrier;     /* base FQDN of derived trunks, NULL     */
		struct strings own_names;  /* NAME=OWN (own_name.h)         */
	} teams;

	struct {
		int64_t port_min, port_max;
		int64_t workers;
		uint32_t silence_limit_s;     /* then the call ends         */
	} media;

	struct {
		struct strings servers;   /* empty: /etc/resolv.conf        */
		struct list hosts;        /* struct nodeconf_host           */
	} dns;

	struct {
		char *file;
		int format, level;
	} log;

	struct {
		int64_t memory_mb;
		int64_t voice_mb;  /* 0: no voice is ever kept              */
	} trace;

	struct {                   /* copies of SIP messages to a collector */
		char *collector;   /* host[:port], NULL: none               */
		int protocol;      /* enum nodeconf_hep                     */
		int64_t capture_id;
		char *password;    /* NULL: none                            */
	} hep;

	struct {
		char *url;         /* NULL: SQLite, store.db in state_dir   */
		char *key_file;    /* NULL: secrets.key in state_dir        */
		char *node;        /* NULL: the host's name                 */
		int64_t keep_days; /* calls, changes of registrations       */
	} store;

	struct {                   /* the REST API and its page, over TCP   */
		char *address;
		int64_t port;      /* 0: none                               */
		char *certificate, *key;
		char *url;         /* as people reach it, NULL              */
		int64_t conns, conns_source;
		struct {           /* sign-in by somebody else              */
			char *issuer;      /* NULL: none                    */
			char *client_id, *client_secret;
			char *claim;       /* that is an admin's name here  */
			char *title;       /* of the button                 */
			char *ca_file;     /* NULL: the system's            */
		} oidc;
	} portal;

	struct {                   /* Microsoft 365, for the sync           */
		char *login_url, *graph_url;       /* NULL: the cloud's     */
		char *ca_file;     /* NULL: the system's                    */
		uint32_t presence_s;       /* between two questions         */
	} microsoft;

	struct {                   /* of PBXs, from the portal              */
		int64_t at_once;   /* 0: none                               */
		uint32_t question_s;
		char *teams_sim;   /* control socket, NULL: there is none   */
	} tests;

	char *control;             /* path of the control socket, NULL:
				      state_dir/control.sock                */
};

extern const struct fields nodeconf_fields;

/**
 * Make the paths of a configuration absolute or good from the working folder
 *
 * @param base  Path of the file that they stand in
 *
 * @return 0, ENOMEM
 */
int nodeconf_resolve(struct nodeconf *node, const char *base);

/**
 * Read an address as dns.servers and dns.hosts have it: ADDRESS or
 * ADDRESS:PORT, IPv6 with a port in brackets
 *
 * @param port  Where none is written
 *
 * @return 0, EINVAL and others if it is none
 */
int nodeconf_address(struct sa *sa, const char *text, uint16_t port);

#endif

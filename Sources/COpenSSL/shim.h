#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// OpenSSL's macros and variadic functions, which Swift cannot call. Each has one
// typed stand-in here, under a name that says whose it is; nothing else is done.

// X509_set_pubkey would encode the key, and then decode it again through every provider, which
// takes OpenSSL 3.0 five times as long as making the key. This key's form is known: a P-256 point.
static inline int copenssl_set_p256_key(X509 *certificate, EVP_PKEY *key) {
    unsigned char *point = NULL;
    size_t length = EVP_PKEY_get1_encoded_public_key(key, &point);
    if (length == 0) return 0;
    // On success the point belongs to the certificate.
    int result = X509_PUBKEY_set0_param(
        X509_get_X509_PUBKEY(certificate), OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
        OBJ_nid2obj(NID_X9_62_prime256v1), point, (int)length);
    if (result != 1) OPENSSL_free(point);
    return result;
}

static inline EVP_PKEY *copenssl_make_p256_key(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"); }
static inline EVP_PKEY *copenssl_make_ed25519_key(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); }

// The value is in OpenSSL's own configuration syntax: only constants and checked names may go in.
static inline int copenssl_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static inline long copenssl_memory(BIO *bio, char **start) { return BIO_get_mem_data(bio, start); }

static inline long copenssl_set_min_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}
static inline long copenssl_set_mode(SSL_CTX *context) {
    return SSL_CTX_set_mode(
        context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}
static inline unsigned long long copenssl_set_options(SSL_CTX *context) {
    return SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
}
static inline void copenssl_limit_certificates(SSL_CTX *context, long bytes) {
    SSL_CTX_set_max_cert_list(context, bytes);
}
static inline void copenssl_read_ahead(SSL_CTX *context) { SSL_CTX_set_read_ahead(context, 1); }
// The client keeps its sessions elsewhere, from the new-session callback on.
static inline void copenssl_cache_client_sessions(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}
// A ticket then only names a session that the server has kept.
static inline void copenssl_cache_server_sessions(SSL_CTX *context, long limit) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, limit);
}
static inline long copenssl_add_context_chain(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate);
}
static inline long copenssl_add_chain(SSL *ssl, X509 *certificate) { return SSL_add1_chain_cert(ssl, certificate); }
static inline int copenssl_trust_partial_chains(SSL_CTX *context) {
    return X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
}
static inline long copenssl_set_server_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, name); }

static inline void copenssl_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline void copenssl_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

static inline int copenssl_reason(unsigned long error) { return ERR_GET_REASON(error); }
static inline int copenssl_is_ssl(unsigned long error) { return ERR_GET_LIB(error) == ERR_LIB_SSL; }

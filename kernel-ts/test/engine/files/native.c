/* An addon that prints as C does, without flushing, and that can crash. */
#include <node_api.h>
#include <stdio.h>

static napi_value print(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  char text[256];
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  napi_get_value_string_utf8(env, argument, text, sizeof text, NULL);
  printf("%s", text);
  fprintf(stderr, "<%s>", text);
  return NULL;
}

static napi_value crash(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
  *(volatile int *)8 = 1;
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"print", NULL, print, NULL, NULL, NULL, napi_enumerable, NULL},
      {"crash", NULL, crash, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, 2, properties);
  return exports;
}

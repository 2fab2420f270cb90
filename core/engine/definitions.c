/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The definitions a plugin brings: YAML beside the shared object, read into one array of API
 * objects.
 *
 * The name in the descriptor is relative to the plugin's folder and may not lead out of it. Files
 * of a folder are read in name order. What the objects mean is not known here; only that each has
 * apiVersion, kind and metadata.name, and that no key stands twice in one mapping.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/yaml.h"
#include "engine/load.h"

#define FILE_SIZE_MAX (1024 * 1024)
#define FILES_MAX     256

static int object_check(const cJSON *o, const char *path, int index, struct err **err)
{
    if (!cJSON_IsObject(o))
        return err_set(err, -EINVAL, "%s document %d: want an object", path, index);
    if (!json_str(o, "apiVersion") || !json_str(o, "kind") || !json_str(o, "metadata", "name"))
        return err_set(err, -EINVAL, "%s document %d: want apiVersion, kind and metadata.name",
                       path, index);
    AUTO(mem_freep) char *twice = json_duplicate(o);
    if (twice)
        return err_set(err, -EINVAL, "%s document %d (%s): %s stands twice", path, index,
                       json_str(o, "metadata", "name"), twice);
    return 0;
}

static int file_add(const char *path, cJSON *array, struct err **err)
{
    AUTO(mem_freep) char *text = NULL;
    AUTO(json_freep) cJSON *docs = NULL;
    size_t len;
    int rc = file_read(path, FILE_SIZE_MAX, &text, &len, err);
    if (rc == 0)
        rc = yaml_parse(path, text, len, &docs, err);
    for (int i = 1; rc == 0 && docs->child; i++) {
        cJSON *o = cJSON_DetachItemViaPointer(docs, docs->child);
        cJSON_AddItemToArray(array, o);
        rc = object_check(o, path, i, err);
    }
    return rc;
}

static int is_yaml(const struct dirent *d)
{
    return d->d_name[0] != '.' && (str_ends(d->d_name, ".yaml") || str_ends(d->d_name, ".yml"));
}

static int folder_add(const char *folder, cJSON *array, struct err **err)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, is_yaml, alphasort);
    if (n < 0)
        return err_set(err, -errno, "%s: %s", folder, strerror(errno));
    int rc = n > FILES_MAX
                 ? err_set(err, -E2BIG, "%s: want at most %d files, found %d", folder, FILES_MAX, n)
                 : 0;
    for (int i = 0; i < n; i++) {
        AUTO(mem_freep) char *path = file_path(folder, names[i]->d_name);
        if (rc == 0)
            rc = file_add(path, array, err);
        mem_free(names[i]);
    }
    mem_free(names);
    return rc;
}

static bool leads_out(const char *relative)
{
    struct str rest = str_of(relative), piece;
    if (relative[0] == '/' || !relative[0])
        return true;
    while (str_split(&rest, '/', &piece))
        if (str_eq(piece, STR("..")))
            return true;
    return false;
}

int definitions_read(const char *plugin_path, const char *relative, cJSON **ret, struct err **err)
{
    if (leads_out(relative))
        return err_set(err, -EINVAL,
                       "plugin %s: definitions: want a name relative to its folder, found \"%s\"",
                       plugin_path, relative);
    const char *slash = strrchr(plugin_path, '/');
    AUTO(mem_freep)
    char *folder = mem_strndup(plugin_path, slash ? (size_t)(slash - plugin_path) : 0);
    AUTO(mem_freep) char *path = file_path(folder, relative);
    AUTO(json_freep) cJSON *array = cJSON_CreateArray();
    struct stat st;
    if (stat(path, &st) < 0)
        return err_set(err, -errno, "plugin %s: definitions %s: %s", plugin_path, path,
                       strerror(errno));
    int rc = S_ISDIR(st.st_mode) ? folder_add(path, array, err) : file_add(path, array, err);
    if (rc < 0)
        return err_wrap(err, "plugin %s: definitions", plugin_path);
    *ret = TAKE(array);
    return 0;
}

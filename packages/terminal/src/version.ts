// The version that --version tells; a test keeps it equal to package.json, which is not in the image.

export const VERSION = '0.1.0';
